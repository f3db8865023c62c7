// Whether slurm.conf runs our hook on every node: without it no hole may be used. That slurmd has loaded the plugin, where the
// hook is one, is seen on the node alone: see executor/hook/plugin-probe.ts.

import type { ClusterFacts } from "../../model/slurm/snapshot.js";

export interface HookPrograms {
  /** What runs the hook: slurm.conf's Prolog= and Epilog=, or the plugin from plugstack.conf. */
  readonly hook: "prolog" | "spank";
  readonly prolog: string;
  readonly epilog: string;
  /** A prolog of the site's own that calls ours. */
  readonly prologWrapper: string | null;
}

/** PrologFlags that make the prolog run at allocation, before any task: Alloc, and those that imply it. */
const allocFlags: ReadonlySet<string> = new Set(["alloc", "contain", "x11"]);

/** salloc of these releases asks whether its nodes' prologs have ended, and if not, again after 3 s; 24.11 does not. */
const slowSallocBefore = 23;

/**
 * One sentence when salloc starts late for the hook's sake: it waits for the prologs of its nodes. null: it does not, as far as
 * slurm.conf tells.
 */
export function sallocProblemOf({ version, prologFlags }: ClusterFacts): string | null {
  const flags = new Set(prologFlags.map((flag) => flag.toLowerCase()));
  if (Number.parseFloat(version) >= slowSallocBefore) return null;
  if (![...allocFlags].some((flag) => flags.has(flag)) || flags.has("nohold")) return null;
  return flags.has("contain") || flags.has("x11")
    ? "salloc of this Slurm waits for prologs in steps of 3 s; with PrologFlags=Contain or X11 that cannot be changed"
    : "salloc of this Slurm waits for prologs in steps of 3 s: set PrologFlags=Alloc,NoHold, with which only tasks wait for them";
}

/** null when the configuration is right, else one sentence that says what to change. */
export function hookProblemOf(facts: ClusterFacts, programs: HookPrograms): string | null {
  const prolog = programs.prologWrapper ?? programs.prolog;
  const isPlugin = programs.hook === "spank";
  if (isPlugin && facts.pluginStack === null)
    return "slurm.conf has no PlugStackConfig: add it with the path of plugstack.conf and restart slurmctld and slurmd";
  if (!isPlugin && !facts.prologs.includes(prolog))
    return `slurm.conf has no Prolog=${prolog}: set it and run scontrol reconfigure (where the site has a prolog of its own, let that call ours and name it as programs.prologWrapper)`;
  if (!facts.prologFlags.some((flag) => allocFlags.has(flag.toLowerCase())))
    return "slurm.conf has no PrologFlags=Alloc, so a job's tasks could start before the prolog ran: add it and restart slurmctld and slurmd";
  if (!isPlugin && programs.prologWrapper === null && !facts.epilogs.includes(programs.epilog))
    return `slurm.conf has no Epilog=${programs.epilog}: add it and run scontrol reconfigure`;
  return null;
}
