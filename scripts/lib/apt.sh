#!/bin/sh
# Installs the Debian packages of missing programs or files: apt.sh PROGRAM-OR-FILE=PACKAGE ...
# Needs no Node, so that scripts can call it before anything is built. Progress and errors go to
# standard error. The packages' daemons are not started: scripts that need one start it with their
# own settings.
set -eu
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export DEBIAN_FRONTEND=noninteractive

missing_packages() {
  missing=
  for need; do
    case "$need" in
      /*) [ -e "${need%%=*}" ] && continue ;;
      *) command -v "${need%%=*}" >/dev/null && continue ;;
    esac
    case " $missing " in *" ${need#*=} "*) ;; *) missing="$missing${missing:+ }${need#*=}" ;; esac
  done
  echo "$missing"
}

# Debian's service scripts ask this file whether they may start; 101 means no. A site's own file is
# left alone.
forbid_starting_services() {
  [ -e /usr/sbin/policy-rc.d ] && return
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
}

packages=$(missing_packages "$@")
[ -n "$packages" ] || exit 0
install="apt-get install -y --no-install-recommends $packages"
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "Programs are missing: as root on a Debian machine, run \"$install\" and try again." >&2
  exit 1
fi

exec 9>/run/gleaner-apt.lock
flock 9 # of two scripts at once, the second waits, and then finds its packages installed
packages=$(missing_packages "$@")
[ -n "$packages" ] || exit 0
echo "Installing $packages" >&2
forbid_starting_services
apt-get update -q >&2
# shellcheck disable=SC2086  # the names are a list of words
apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 $packages >&2
