// The environment of executors, and checks that names and paths are safe in shells.

import { GleanerError } from "../model/errors.js";
import type { NodeName } from "../model/ids.js";

/** The whole environment of an executor, which inherits no secrets from the daemon. */
export const executorPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * At SIGUSR1, Node opens its debugger for every user of the machine, even before it runs the
 * program. This option makes it listen on an address that no machine has, so that it fails. The
 * executor as a binary refuses the option and relies on scripts/bundle/guard.cjs.
 */
export const noDebugger = "--inspect-port=240.0.0.1:0";

/** Refuses a node name that would leave its folder; all names that Slurm allows pass. */
export function requireNodeName(node: NodeName): void {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/.test(node))
    throw new GleanerError(
      "LAUNCH",
      `node name ${JSON.stringify(node)} cannot be used in paths: rename the node in slurm.conf, or remove its partition from placement.partitions`,
    );
}

/** Refuses a configured path that is not absolute or not safe in a shell. */
export function requirePlainPath(key: string, path: string): void {
  if (!/^\/[A-Za-z0-9._/+@=:,-]{0,4000}$/.test(path) || path.split("/").includes(".."))
    throw new GleanerError(
      "CONFIG",
      `${key}: invalid path ${JSON.stringify(path)}: expected an absolute path of letters, digits and . _ + @ = : , - without ".."`,
    );
}
