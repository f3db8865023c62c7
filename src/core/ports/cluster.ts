// The port to Slurm: all that the core and the daemon's loops know of it.

import type { Snapshot } from "../../model/slurm/snapshot.js";

/** Slurm, read only. Each call is bounded in time and rejects with a GleanerError of code SLURM. */
export interface Cluster {
  readSnapshot(): Promise<Snapshot>;
  /** Commands run so far. */
  commandCount(): number;
  /** What they asked of slurmctld: a command makes one remote procedure call or two. */
  rpcCount(): number;
}
