#!/bin/sh
# Becomes a machine of its own: a copy-on-write view of this machine's root directory, with its own
# processes, network and name, for tests that install packages:
#
#   start-machine.sh FOLDER PACKAGES NAME ADDRESS
#
# It runs in new namespaces, prints "ready", and ends with everything in it when its input ends.
set -e
folder=$1 packages=$2 name=$3 address=$4
root=$folder/root
mount -t tmpfs tmpfs "$folder"
mkdir "$folder/upper" "$folder/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/var/cache"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mkdir -p "$root/mnt/packages"
mount --bind "$packages" "$root/mnt/packages"
# The C library looks no name up on a machine that has loopback addresses only.
ip link set lo up
ip address add "$address" dev lo
hostname "$name"
printf '127.0.0.1 localhost\n%s %s\n' "$address" "$name" >"$folder/hosts"
touch "$root/etc/hosts"
mount --bind "$folder/hosts" "$root/etc/hosts"
exec chroot "$root" /bin/sh -c 'echo ready; cat'
