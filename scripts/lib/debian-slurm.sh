#!/bin/bash
# Runs a program on a Debian release that has a given version of Slurm:
#
#   debian-slurm.sh 24.11|26.05 PROGRAM ARGUMENT...
#
# debootstrap fills a folder with the release once (1 to 3 minutes, 700 MB), from the Debian mirror
# in this machine's apt sources; the folder is kept in $XDG_CACHE_HOME/gleaner, else in
# /var/cache/gleaner, and reused unchanged from then on. The program sees the checkout at its usual
# place, with its own dist/ that is built there, this machine's node and npm, /tmp, /proc, /sys and
# /dev; all mounts end with it. Needs root.
set -u
root=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
packages=slurm-wlm,munge,libslurm-dev,gcc,libc6-dev,make,perl,openssh-server,openssh-client,procps,iproute2,openssl

fail() {
  echo "Nothing can be run on Slurm ${version-}: $1" >&2
  exit 1
}

choose_release() {
  case $version in
    24.11) suite=trixie ;;
    26.05) suite=sid ;;
    *) fail "no Debian release is known to have it; 24.11 and 26.05 can be run." ;;
  esac
  # A different list of packages gets a different folder.
  tree=${XDG_CACHE_HOME:-/var/cache}/gleaner/slurm-$version-$(sha256sum <<<"$packages" | cut -c1-12)
}

# The package mirrors of this machine, as apt itself parses its sources.
mirrors() {
  local uri
  apt-get update --print-uris | sed -n "s:^'\(.*\)/dists/.*/InRelease' .*:\1:p" | while read -r uri; do
    case $uri in
      mirror+file:*) grep -Eo '^(https?|file):[^[:space:]]+' "${uri#mirror+file:}" ;;
      http:* | https:* | file:*) echo "$uri" ;;
    esac
  done | sed 's:/*$::' | awk '!seen[$0]++'
}

# Sets `mirror` to the first one that has the release.
find_mirror() {
  local all found
  all=$(mirrors)
  found=$(mktemp)
  for mirror in $all; do
    /usr/lib/apt/apt-helper download-file "$mirror/dists/$suite/InRelease" "$found" >/dev/null 2>&1 &&
      grep -q '^Origin: Debian$' "$found" && rm "$found" && return
  done
  rm -f "$found"
  fail "none of this machine's apt sources (${all//$'\n'/, }) has Debian $suite, or it cannot be reached."
}

# debootstrap downloads with wget, which uses the environment's proxy and not apt's.
use_proxy_of_apt() {
  set -a
  eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
  set +a
}

# One builder at a time; a folder without the mark was interrupted and is built again.
make_tree() {
  local has
  mkdir -p "${tree%/*}" || fail "$tree cannot be made, set XDG_CACHE_HOME to a folder with 1 GB of room."
  exec 9>"$tree.lock"
  flock 9
  [[ -e $tree/.complete ]] && return
  use_proxy_of_apt
  find_mirror
  "$root/scripts/lib/apt.sh" debootstrap=debootstrap \
    /usr/share/keyrings/debian-archive-trixie-stable.gpg=debian-archive-keyring ||
    fail "the packages debootstrap and debian-archive-keyring could not be installed."
  echo "Filling $tree with Debian $suite and its Slurm from $mirror" >&2
  rm -rf --one-file-system "$tree"
  debootstrap --variant=minbase --include="$packages" "$suite" "$tree" "$mirror" 9>&- >&2 ||
    fail "debootstrap could not fetch Debian $suite from $mirror (see above); is the network there?"
  has=$(chroot "$tree" slurmctld -V)
  [[ $has == *" $version."* ]] || {
    rm -rf --one-file-system "$tree"
    fail "Debian $suite has ${has:-no Slurm} now; name the newer version here and in run-tests.mjs."
  }
  rm -rf "$tree"/var/cache/apt/archives/*.deb
  # The folder outlives its Release file: a package for a new test can still be installed.
  echo 'Acquire::Check-Valid-Until "false";' >"$tree/etc/apt/apt.conf.d/kept"
  touch "$tree/.complete"
}

# In its own mount namespace.
mount_all() {
  local path node npm
  # Programs that create mount namespaces in it need a root that is a mount.
  mount --bind "$tree" "$tree" || return
  for path in /proc /sys /dev /tmp; do mount --rbind "$path" "$tree$path" || return; done
  mount -t tmpfs -o mode=755 tmpfs "$tree/run" && mkdir "$tree/run/sshd" || return
  touch "$tree/etc/hosts" && mount --bind /etc/hosts "$tree/etc/hosts" || return
  node=$(readlink -f "$(command -v node)")
  touch "$tree/usr/local/bin/node" && mount --bind "$node" "$tree/usr/local/bin/node" || return
  npm=$(readlink -f "$(command -v npm)")
  ln -sfn "$npm" "$tree/usr/local/bin/npm"
  # node_modules may be a link to another checkout's.
  for path in "$root" "$(readlink -f "$root/node_modules")" "${npm%/bin/*}"; do
    mkdir -p "$tree$path" && mount --bind "$path" "$tree$path" || return
  done
  mkdir -p "$root/dist" && mount -t tmpfs -o mode=755 tmpfs "$tree$root/dist" || return
  cd "$tree" && pivot_root . mnt
}

if [[ ${1-} != --mounted ]]; then
  version=${1-}
  choose_release
  ((EUID == 0)) || fail "only root may mount what a Debian in a folder needs."
  make_tree
  exec 9>&-
  exec unshare --mount --propagation private "$0" --mounted "$@"
fi
version=$2
choose_release
shift 2
mount_all || fail "its folders could not be mounted; a container has to allow it (CAP_SYS_ADMIN)."
clean=(env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8)
[[ ${TMPDIR-} == /tmp/* ]] && clean+=("TMPDIR=$TMPDIR")
exec chroot . "${clean[@]}" /bin/sh -c 'umount -l /mnt && cd "$0" && node scripts/build.mjs >&2 && exec "$@"' "$root" "$@"
