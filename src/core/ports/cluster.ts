// The port to Slurm: all that the core and the daemon know of it.

import type { Snapshot } from "../../model/slurm/snapshot.js";

/**
 * Slurm, read-only. Each call is bounded in time and rejects with a GleanerError with code SLURM.
 */
export interface Cluster {
  readSnapshot(): Promise<Snapshot>;
  /** The number of commands run so far. */
  commandCount(): number;
  /** The number of remote procedure calls to slurmctld: a command makes one or two. */
  rpcCount(): number;
}
