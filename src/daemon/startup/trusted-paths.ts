// Checks files that gleanerd runs, sends to nodes or trusts, besides its configuration: only root
// and its own user may be able to change them.

import type { Config } from "../../config.js";
import { requireTrusted } from "../../sdk/trusted-path.js";

/**
 * Throws CONFIG with the first path that another user could change. A program that is not on this
 * machine, because it is installed on the nodes, passes.
 */
export function requireTrustedPaths(config: Config): void {
  const { programs, placement, slurm } = config;
  const { executor, spawn } = programs;
  const { mailProgram } = config.functions;
  const { privateKey, knownHosts } = placement.ssh;
  const bySsh = placement.launcher === "ssh" ? [privateKey, knownHosts] : [];
  const commands = [slurm.binDirectory, mailProgram].filter((path) => path !== null);
  const here = placement.launcher === "local" ? [programs.node] : [];
  // Except logDirectory: some systems give /var/log to a group, and nothing there is trusted.
  for (const path of [config.stateDirectory, executor, spawn, ...commands, ...here, ...bySsh])
    requireTrusted(path);
}
