// What an executor may be started with: a bare environment, and names and paths that no shell can misread.

import { GleanerError } from "../model/errors.js";
import type { NodeName } from "../model/ids.js";

/** The only environment an executor gets: nothing secret can be inherited from the daemon's. */
export const executorPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Node opens its debugger at SIGUSR1, for every user of the machine, from before it runs a line of a program: here it would
 * have to listen on an address that no machine has, so nothing opens. Not for the executor as a binary, which refuses to start with
 * it: that has only its own guard (scripts/bundle/guard.cjs), from its first line on.
 */
export const noDebugger = "--inspect-port=240.0.0.1:0";

/** Refuses a node name that would lead out of its folder; Slurm's own names all pass. */
export function requireNodeName(node: NodeName): void {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/.test(node))
    throw new GleanerError(
      "LAUNCH",
      `The node name ${JSON.stringify(node)} cannot be used in paths: rename the node in slurm.conf, or leave its partition out of placement.partitions.`,
    );
}

/** Refuses a configured path that is not absolute or holds a character that a shell could misread. */
export function requirePlainPath(key: string, path: string): void {
  if (!/^\/[A-Za-z0-9._/+@=:,-]{0,4000}$/.test(path) || path.split("/").includes(".."))
    throw new GleanerError(
      "CONFIG",
      `${key} is ${JSON.stringify(path)}: give an absolute path of letters, digits and . _ + @ = : , - without "..".`,
    );
}
