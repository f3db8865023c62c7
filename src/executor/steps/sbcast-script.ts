// The program `sbcast` that functions find first in PATH: a function has one node, so it copies the
// file there.

import { scriptHead } from "./script-head.js";

const text = `
force= preserve=
while [ $# -gt 0 ]; do
  case $1 in
    --) shift; break ;;
    -f | --force) force=1; shift ;;
    -p | --preserve) preserve=-p; shift ;;
    -[jFstT] | --jobid | --fanout | --size | --timeout | --treewidth | --exclude) shift 2 || exit 1 ;;
    -?*) shift ;;
    *) break ;;
  esac
done
[ $# = 2 ] || fail "Need two file names, have $# names"
[ -d "$2" ] && set -- "$1" "@{2%/}/@{1##*/}"
[ -n "$force" ] || [ ! -e "$2" ] || fail "$2: File exists"
exec cp $preserve -- "$1" "$2"
`;

export const sbcastScript = scriptHead("sbcast") + text.replaceAll("@{", "${");
