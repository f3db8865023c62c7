// The programs `scontrol`, `squeue`, `sacct` and `scancel` that functions find first in PATH: Slurm
// knows no job of a function's id, and its scancel says nothing about that.

import { maxSlurmJobId } from "../../model/ids.js";
import { commandOptions } from "../../model/slurm/command-options.js";
import { aliasMark } from "../../model/slurm/own-names.js";
import { scriptHead } from "./script-head.js";

/**
 * Sets `own` if an operand, or a value of `--jobs`, is nothing but ids and one is a function's.
 * Options are read as getopt_long(3) does: the names of jobs and users may look like ids.
 */
const reading = String.raw`
own=
look_at() {
  local id='[0-9]+(_([0-9]+|\*|\[[^]]*\]))?(\.[[:alnum:]]+)?' each number
  [[ $1 =~ ^[[:space:],]*$id([[:space:],]+$id)*[[:space:],]*$ ]] || return
  # The numbers of tasks in brackets are no ids.
  while [[ $1 =~ ^([^[]*)\[[^]]*\](.*)$ ]]; do set -- "@{BASH_REMATCH[1]}@{BASH_REMATCH[2]}"; done
  for each in @{1//,/ }; do
    number=@{each%%[!0-9]*}
    [[ $number == ?????????? || $number == ????????? || $number == ???????? ]] &&
      [ $((10#$number)) -gt ${maxSlurmJobId} ] && own=$number
  done
}
look_at_value() {
  case $1 in jobs[/=]* | job[/=]*) look_at "$2" ;; esac
}
find_long() {
  local each
  shape=
  for each in $options; do
    case @{each%%[/=]*} in
      "$1") shape=$each; return ;;
      "$1"*) [ -n "$shape" ] || shape=$each ;;
    esac
  done
}
find_letter() {
  for shape in $options; do
    [[ $shape == */"$1" || $shape == */"$1="* ]] && return
  done
  shape=
}
read_words() {
  local word rest at shape awaits= has_ended=
  for word in "$@"; do
    if [ -n "$awaits" ]; then
      look_at_value "$awaits" "$word"; awaits=
    elif [ -n "$has_ended" ] || [[ $word != -?* ]]; then
      operands+=("$word")
    elif [ "$word" = -- ]; then
      has_ended=1
    elif [[ $word == --* ]]; then
      rest=@{word#--}
      find_long "@{rest%%=*}"
      if [[ $rest == *=* ]]; then look_at_value "$shape" "@{rest#*=}"
      elif [[ $shape == *= ]]; then awaits=$shape; fi
    else
      for ((at = 1; at < @{#word}; at++)); do
        find_letter "@{word:at:1}"
        rest=@{word:at + 1}
        [[ $shape == *=* ]] || continue
        if [ -n "$rest" ]; then look_at_value "$shape" "$rest"
        elif [[ $shape == *= ]]; then awaits=$shape; fi
        break
      done
    fi
  done
}
set -f
operands=()
read_words "$@"
set +f
`;

/** Which operands are ids; those of squeue and sacct are none. */
const operandsOf: Readonly<Record<string, string>> = {
  scancel: 'for word in "@{operands[@]}"; do look_at "$word"; done\n',
  scontrol: `verb=@{operands[0],,} what=@{operands[1],,}
if [[ $verb != sho* || $what == [js]* ]]; then
  for word in "@{operands[@],,}"; do
    case $word in job=* | jobi=* | jobid=* | jobs=*) word=@{word#*=} ;; esac
    look_at "$word"
  done
fi
`,
};

export function idScript(name: string): string {
  const options = `options='${commandOptions[name]!.replace(/\s+/g, " ")}'`;
  const text = `${options}${reading}${operandsOf[name] ?? ""}`.replaceAll("@{", "${");
  const hand = `if [ -n "$own" ]; then
  glean=$(type -P glean) && exec "$glean" as ${name} "$@"
  head -c 200 "$real" 2>/dev/null | grep -qa "${aliasMark}" ||
    fail "$own is a function of Gleaner's: ask your site to install glean on its nodes"
fi
[ -n "$real" ] || fail "Slurm's ${name} is not in PATH"
exec "$real" "$@"
`;
  return scriptHead(name) + text + hand;
}
