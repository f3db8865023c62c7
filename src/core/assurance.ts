// Whether slurm.conf runs our hook on every node: without it no hole may be used.

import type { ClusterFacts } from "../model/snapshot.js";

export interface HookPrograms {
  readonly prolog: string;
  readonly epilog: string;
  /** A prolog of the site's own that calls ours. */
  readonly prologWrapper: string | null;
}

/** PrologFlags that make the prolog run at allocation, before any task: Alloc, and those that imply it. */
const allocFlags: ReadonlySet<string> = new Set(["alloc", "contain", "x11"]);

/** null when the configuration is right, else one sentence that says what to change. */
export function hookProblemOf(facts: ClusterFacts, programs: HookPrograms): string | null {
  const prolog = programs.prologWrapper ?? programs.prolog;
  if (!facts.prologs.includes(prolog))
    return `slurm.conf has no Prolog=${prolog}: set it and run scontrol reconfigure (where the site has a prolog of its own, let that call ours and name it as programs.prologWrapper)`;
  if (!facts.prologFlags.some((flag) => allocFlags.has(flag.toLowerCase())))
    return "slurm.conf has no PrologFlags=Alloc, so a job's tasks could start before the prolog ran: add it and restart slurmctld and slurmd";
  if (programs.prologWrapper === null && !facts.epilogs.includes(programs.epilog))
    return `slurm.conf has no Epilog=${programs.epilog}: add it and run scontrol reconfigure`;
  return null;
}
