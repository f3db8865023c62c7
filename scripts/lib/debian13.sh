#!/bin/bash
# Runs a program as on a Debian 13 machine, which has Slurm 24.11: debian13.sh PROGRAM ARGUMENT...
# Debian 13 is a folder that debootstrap fills once (1 to 3 minutes, 700 MB) and keeps in $XDG_CACHE_HOME/gleaner, else
# in /var/cache/gleaner. The program sees the checkout at its usual place, with a dist/ of its own that is built over
# there, this machine's node, /tmp, /proc, /sys and /dev; all mounts are gone with it. Needs root.
set -u
root=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
mirror=http://deb.debian.org/debian
packages=slurm-wlm,munge,libslurm-dev,gcc,libc6-dev,make,perl,openssh-server,openssh-client,procps
# Another list is another folder.
tree=${XDG_CACHE_HOME:-/var/cache}/gleaner/debian13-$(sha256sum <<<"$packages" | cut -c1-12)

fail() {
  echo "Nothing can be run on Slurm 24.11: $1" >&2
  exit 1
}

# One builder at a time; what has no mark was interrupted and is made anew.
make_tree() {
  mkdir -p "${tree%/*}" || fail "$tree cannot be made, set XDG_CACHE_HOME to a folder with 1 GB of room."
  exec 9>"$tree.lock"
  flock 9
  [[ -e $tree/.complete ]] && return
  "$root/scripts/lib/apt.sh" debootstrap=debootstrap \
    /usr/share/keyrings/debian-archive-trixie-stable.gpg=debian-archive-keyring ||
    fail "the packages debootstrap and debian-archive-keyring could not be installed."
  echo "Filling $tree with Debian 13 and its Slurm from $mirror" >&2
  rm -rf --one-file-system "$tree"
  debootstrap --variant=minbase --include="$packages" trixie "$tree" "$mirror" 9>&- >&2 ||
    fail "debootstrap could not fetch Debian 13 from $mirror (see above); is the network there?"
  rm -rf "$tree"/var/cache/apt/archives/*.deb
  touch "$tree/.complete"
}

# In a mount namespace of our own.
mount_all() {
  local path node
  # A root has to be a mount for what makes mount namespaces in it.
  mount --bind "$tree" "$tree" || return
  for path in /proc /sys /dev /tmp; do mount --rbind "$path" "$tree$path" || return; done
  mount -t tmpfs -o mode=755 tmpfs "$tree/run" && mkdir "$tree/run/sshd" || return
  touch "$tree/etc/hosts" && mount --bind /etc/hosts "$tree/etc/hosts" || return
  node=$(readlink -f "$(command -v node)")
  touch "$tree/usr/local/bin/node" && mount --bind "$node" "$tree/usr/local/bin/node" || return
  # node_modules may be a link to another checkout's.
  for path in "$root" "$(readlink -f "$root/node_modules")"; do
    mkdir -p "$tree$path" && mount --bind "$path" "$tree$path" || return
  done
  mkdir -p "$root/dist" && mount -t tmpfs -o mode=755 tmpfs "$tree$root/dist" || return
  cd "$tree" && pivot_root . mnt
}

if [[ ${1-} != --mounted ]]; then
  ((EUID == 0)) || fail "only root may mount what a Debian 13 in a folder needs."
  make_tree
  exec 9>&-
  exec unshare --mount --propagation private "$0" --mounted "$@"
fi
shift
mount_all || fail "its folders could not be mounted; a container has to allow it (CAP_SYS_ADMIN)."
clean=(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8)
exec chroot . "${clean[@]}" /bin/sh -c 'umount -l /mnt && cd "$0" && node scripts/build.mjs >&2 && exec "$@"' "$root" "$@"
