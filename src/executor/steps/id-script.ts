// The programs `scontrol`, `squeue`, `sacct` and `scancel` that functions find first in PATH: Slurm
// knows no job of a function's id, and its scancel says nothing about that.

import { maxSlurmJobId } from "../../model/ids.js";
import { aliasMark } from "../../model/slurm/own-names.js";
import { scriptHead } from "./script-head.js";

/** Scripts name themselves: `scontrol show job $SLURM_JOB_ID`. Other words are for Slurm. */
const text = `
own=
for word in "$@"; do
  for number in @{word//[!0-9]/ }; do
    [ @{#number} -le 10 ] && [ $((10#$number)) -gt ${maxSlurmJobId} ] && own=$number
  done
done
`;

export function idScript(name: string): string {
  const hand = `if [ -n "$own" ]; then
  glean=$(type -P glean) && exec "$glean" as ${name} "$@"
  head -c 200 "$real" 2>/dev/null | grep -qa "${aliasMark}" ||
    fail "$own is a function of Gleaner's: ask your site to install glean on its nodes"
fi
[ -n "$real" ] || fail "Slurm's ${name} is not in PATH"
exec "$real" "$@"
`;
  return scriptHead(name) + text.replaceAll("@{", "${") + hand;
}
