# Gets a checkout ready: compilers, Node's packages, and after "bash prepare.sh build" the build
# itself. All progress goes to standard error; a function that fails has printed the reason.

root=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)

prepare() {
  require_node && ensure_packages && ensure_modules
}

require_node() {
  if ! command -v node >/dev/null || ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
    echo "Node 20 or newer is needed: install it and put it on PATH." >&2
    return 1
  fi
}

# The compilers for better-sqlite3, the node hook, which is a program and a Slurm plugin, and the
# extension for Python.
ensure_packages() {
  "$root/scripts/lib/apt.sh" python3=python3 make=make gcc=gcc g++=g++ /usr/include/stdio.h=libc6-dev \
    /usr/include/slurm/spank.h=libslurm-dev python3-config=python3-dev
}

# Installs the packages of package-lock.json, once for each content of it. A node_modules that
# somebody filled with npm by hand has no copy of the lock file in it, and is left alone.
ensure_modules() {
  local installed=$root/node_modules/.installed-package-lock.json
  (
    flock 9
    if [[ -e $root/node_modules/.package-lock.json ]]; then
      [[ ! -e $installed ]] && exit 0
      cmp -s "$root/package-lock.json" "$installed" && exit 0
    fi
    echo "Installing Node's packages (better-sqlite3 is compiled: about a minute)" >&2
    # Node's own headers, if installed, so that node-gyp downloads none.
    if [[ -z ${npm_config_nodedir-} && -e /usr/include/node/node.h && -z $(npm config get nodedir 2>/dev/null | grep -v '^undefined$') ]]; then
      export npm_config_nodedir=/usr
    fi
    # Not npm ci: it rejects a lock file that lacks the packages of other platforms, which some
    # registries do not have.
    npm install --no-save --prefix "$root" --no-audit --no-fund >&2 9>&- &&
      cp "$root/package-lock.json" "$installed"
  ) 9<"$root/package-lock.json" || {
    echo "npm install failed: see its messages above." >&2
    return 1
  }
}

if [[ ${1-} == build && $0 == "${BASH_SOURCE[0]}" ]]; then
  prepare && node "$root/scripts/build.mjs" --if-stale >&2
fi
