# Runs one of the programs from a checkout, and builds first if the sources are newer; sourced, with
# $root set. Plain sh with only built-in commands, because users wait for each millisecond of it.

# run_program NAME ARGUMENT...: becomes dist/NAME.cjs.
run_program() {
  program=$root/dist/$1.cjs
  shift
  if ! is_fresh && may_build; then
    bash "$root/scripts/lib/prepare.sh" build || exit 1
  fi
  # Node opens its debugger at SIGUSR1: on an address that no machine has, nothing opens.
  exec node --inspect-port=240.0.0.1:0 "$program" "$@"
}

# Folders count too: their time changes when a file in them is removed. src/ is at most four folders
# deep.
is_fresh() {
  stamp=$root/dist/.stamp
  [ -e "$program" ] && [ -e "$stamp" ] || return 1
  for source in "$root"/package-lock.json "$root"/scripts/build.mjs \
    "$root"/scripts/bundle "$root"/scripts/bundle/* "$root"/slurm-plugin "$root"/slurm-plugin/* \
    "$root"/slurm-plugin/*/* "$root"/slurm-plugin/*/*/* \
    "$root"/src "$root"/src/* "$root"/src/*/* "$root"/src/*/*/* "$root"/src/*/*/*/*; do
    [ "$source" -nt "$stamp" ] && return 1
  done
  return 0
}

# Other users of the machine run what the checkout's owner built.
may_build() { [ ! -e "$program" ] || [ -w "$root/dist" ]; }
