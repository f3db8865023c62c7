// How the programs of a function that have the names of Slurm's begin: outside of a function, such
// as in a job that a function has submitted, they are Slurm's. With -p bash leaves functions, and
// options of the shell, that their caller exports to what they start.

import { ownNameMark } from "../../model/slurm/own-names.js";

export const scriptHead = (name: string): string => `#!/bin/bash -p
${ownNameMark}
self=$(readlink -f "$0")
real=
while IFS= read -r path; do
  [ "$(readlink -f "$path")" != "$self" ] && { real=$path; break; }
done < <(type -ap ${name})
if [ -z "$GLEANER_INVOCATION_ID" ]; then
  [ -n "$real" ] && exec "$real" "$@"
  echo "${name}: error: Slurm's ${name} is not in PATH" >&2; exit 1
fi
fail() { echo "${name}: error: $1" >&2; exit 1; }
`;
