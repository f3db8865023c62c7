// The shell scripts that run on nodes, each as a line for any login shell of the remote user.

import { dirname } from "node:path";
import { executorPath, noDebugger } from "../names.js";
import { maxMarkBytes } from "../process-mark.js";
import type { Bundle } from "./bundle.js";

/** Exit statuses of the scripts, above those that shells use. */
export const statuses = {
  noNode: 101,
  noExecutor: 102,
  noLog: 103,
  noMark: 104,
  notBrought: 105,
  notPrivate: 106,
  notWritten: 107,
  notWhole: 108,
  notRunnable: 109,
} as const;

/** Versions kept on a node: the new one, that of a running executor, and one for a downgrade. */
const keptVersions = 3;
/** Files of a broken transfer are older; no transfer takes longer. */
const staleMinutes = 60;

/**
 * Ends the script if users other than root and this one can change one of the folders in "$@". As
 * with sshd's StrictModes, but sticky folders such as /tmp pass: nobody can replace others' files.
 */
const requireSound = [
  "uid=$(id -u)",
  `stat -Lc "%u %A" "$@" | { while read -r owner mode; do case "$owner $mode" in "0 d"????????[tT] | "0 d"????-??-? | "$uid d"????-??-?) ;; *) exit 1 ;; esac; done; } || exit ${statuses.notPrivate}`,
];

/** Ends the script unless the path is a private folder of this user and not a link. */
const requireOwn = (path: string) =>
  `case "$(stat -c "%u %A" "${path}")" in "$uid drwx--"[-S]---) ;; *) exit ${statuses.notPrivate} ;; esac`;

const isComplete = (path: string) =>
  `[ -s "${path}/glean-executor" ] && [ -x "${path}/glean-spawn" ]`;

/** "$4": the directory; "$5": the version; "$@": the folders above. Touches the version in use. */
const requireBrought = [
  "dir=$4; own=$4/$5; node=$1; program=$2; log=$3; shift 5",
  ...requireSound,
  `[ -e "$own" ] || [ -L "$own" ] || [ -L "$dir" ] || exit ${statuses.notBrought}`,
  requireOwn("$dir"),
  requireOwn("$own"),
  `${isComplete("$own")} || exit ${statuses.notBrought}`,
  'touch "$own"; set -- "$node" "$program" "$log"',
];

/**
 * Reads all input before it starts anything, since sshd drops unread input when the command ends.
 * printf is built into the shell, so the secret input is never an argument or in an environment.
 */
const start = [
  `[ -z "$1" ] || [ -x "$1" ] || exit ${statuses.noNode}`,
  `[ -r "$2" ] || exit ${statuses.noExecutor}`,
  `[ -d "\${3%/*}" ] || mkdir "\${3%/*}" 2>/dev/null; (: >>"$3") 2>/dev/null || exit ${statuses.noLog}`,
  `input=$(cat) && printf "%s\\n" "$input" | setsid -f env -i PATH=${executorPath} \${1:+"NODE_OPTIONS=${noDebugger}" "$1"} "$2" >>"$3" 2>&1`,
];

/** `node` is null if the program needs none. The program gets the standard input. */
export function startCommand(
  node: string | null,
  program: string,
  log: string,
  bundle: Bundle | null,
): string {
  const base = [node ?? "", program, log];
  if (bundle === null) return shellCommand(start, base);
  const { directory, name } = bundle;
  const args = [...base, directory, name, ...foldersAbove(directory)];
  return shellCommand([...requireBrought, ...start], args);
}

/** "$1": the directory; "$2": the version; "$@": the folders above. */
const bring = [
  "dir=$1; own=$1/$2; name=$2; shift 2",
  ...requireSound,
  `[ -e "$dir" ] || [ -L "$dir" ] || mkdir "$dir" || exit ${statuses.notWritten}`,
  requireOwn("$dir"),
  `find "$dir" -mindepth 1 -maxdepth 1 -name ".new.*" -mmin +${staleMinutes} -exec rm -rf {} +`,
  `new=$(mktemp -d "$dir/.new.XXXXXX") || exit ${statuses.notWritten}`,
  'trap "rm -rf $new" EXIT; trap "exit 1" HUP INT TERM PIPE',
  `gzip -dc >"$new/all" || exit ${statuses.notWhole}`,
  `[ "$(sha256sum <"$new/all")" = "$name  -" ] || exit ${statuses.notWhole}`,
  `tar -xf "$new/all" -C "$new" || exit ${statuses.notWritten}`,
  'rm "$new/all"; chmod -R u=rwx,go= "$new"',
  // Otherwise a power failure could leave the name without the data.
  `find "$new" -exec sync {} + || exit ${statuses.notWritten}`,
  `[ -x "$new/glean-spawn" ] || exit ${statuses.notRunnable}`,
  `[ -L "$own" ] || { ${isComplete("$own")}; } || rm -rf "$own"`,
  'mv -T "$new" "$own" 2>/dev/null', // fails where another daemon was quicker
  requireOwn("$own"),
  `${isComplete("$own")} || exit ${statuses.notWritten}`,
  `cd "$dir" && ls -1t | grep -xE "[0-9a-f]{64}" | tail -n +${keptVersions + 1} | while read -r old; do rm -rf "$old"; done`,
  "exit 0",
];

/** Installs the compressed programs from standard input, all or nothing. */
export function bringCommand({ directory, name }: Bundle): string {
  return shellCommand(bring, [directory, name, ...foldersAbove(directory)]);
}

export const separator = "--- stat";
/** Prints nothing after the separator if the process is gone. */
const probe = [
  `[ -r "$1" ] || exit ${statuses.noMark}; mark=$(head -c ${maxMarkBytes} "$1"); echo "$mark"; echo "${separator}"`,
  'pid=$(echo "$mark" | sed -n "s/^pid=\\([1-9][0-9]*\\)$/\\1/p" | head -n 1)',
  `[ -z "$pid" ] || head -c ${maxMarkBytes} "/proc/$pid/stat" 2>/dev/null; exit 0`,
];

/** Prints the mark, the separator on its own line, and the process's stat. */
export function probeCommand(markFile: string): string {
  return shellCommand(probe, [markFile]);
}

/** Quotes a script and its arguments for sh. */
function shellCommand(script: readonly string[], args: readonly string[]): string {
  // No core files, since an executor's memory holds its secret and users' environments.
  const safe = ["umask 077", "ulimit -c 0", "cd /"];
  const whole = [`export PATH=${executorPath}`, ...safe, ...script].join("; ");
  return ["exec /bin/sh -c", ...[whole, "gleaner", ...args].map(quote)].join(" ");
}

/** The scripts and paths contain no single quotes. */
const quote = (word: string): string => `'${word}'`;

function foldersAbove(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [...foldersAbove(above), above];
}
