// Checks that slurm.conf runs our hook on every node: without it no hole may be used. Whether
// slurmd has loaded the plugin, if the hook is one, can only be checked on the node: see
// executor/hook/plugin-probe.ts.

import type { ClusterFacts } from "../../model/slurm/snapshot.js";

export interface HookPrograms {
  /**
   * How the hook runs: by Prolog= and Epilog= in slurm.conf, or as the plugin in plugstack.conf.
   */
  readonly hook: "prolog" | "spank";
  readonly prolog: string;
  readonly epilog: string;
  /** The site's own prolog that calls ours. */
  readonly prologWrapper: string | null;
}

/**
 * PrologFlags that make the prolog run at allocation, before any task: Alloc, and the flags that
 * imply it.
 */
const allocFlags: ReadonlySet<string> = new Set(["alloc", "contain", "x11"]);

/** In these releases salloc polls its nodes' prologs every 3 s; 24.11 does not. */
const slowSallocBefore = 23;

/**
 * One sentence if the hook delays salloc, which waits for the prologs of its nodes; null if
 * slurm.conf shows no delay.
 */
export function sallocProblemOf({ version, prologFlags }: ClusterFacts): string | null {
  const flags = lowerCase(prologFlags);
  if (Number.parseFloat(version) >= slowSallocBefore) return null;
  if (![...allocFlags].some((flag) => flags.has(flag)) || flags.has("nohold")) return null;
  return flags.has("contain") || flags.has("x11")
    ? "salloc of this Slurm release checks only every 3 s whether prologs have ended; PrologFlags=Contain and PrologFlags=X11 leave no alternative"
    : "salloc of this Slurm release checks only every 3 s whether prologs have ended: set PrologFlags=Alloc,NoHold, so that only tasks wait for them";
}

const lowerCase = (flags: readonly string[]): ReadonlySet<string> =>
  new Set(flags.map((flag) => flag.toLowerCase()));

/** null if the configuration is correct, else one sentence that says what to change. */
export function hookProblemOf(facts: ClusterFacts, programs: HookPrograms): string | null {
  const prolog = programs.prologWrapper ?? programs.prolog;
  const isPlugin = programs.hook === "spank";
  if (isPlugin && facts.pluginStack === null)
    return "slurm.conf has no PlugStackConfig: add it with the path of plugstack.conf and restart slurmctld and slurmd";
  if (!isPlugin && !facts.prologs.includes(prolog))
    return `slurm.conf has no Prolog=${prolog}: set it and run scontrol reconfigure (if the site has its own prolog, let it call ours and set programs.prologWrapper to it)`;
  if (!facts.runsPrologs)
    return "slurm.conf has PrEpPlugins without prep/script, so that Slurm runs no Prolog, no Epilog and no plugin of plugstack.conf: add prep/script to it and restart slurmctld and slurmd";
  const flags = lowerCase(facts.prologFlags);
  // The step that then carries the prolog runs programs only.
  if (isPlugin && flags.has("runinjob"))
    return "slurm.conf has PrologFlags=RunInJob, with which Slurm runs no plugin before a job: remove it and restart slurmctld and slurmd, or run the hook as a program (programs.hook: prolog)";
  if (![...allocFlags].some((flag) => flags.has(flag)))
    return "slurm.conf has no PrologFlags=Alloc, so a job's tasks could start before the prolog has run: add it and restart slurmctld and slurmd";
  if (!isPlugin && programs.prologWrapper === null && !facts.epilogs.includes(programs.epilog))
    return `slurm.conf has no Epilog=${programs.epilog}: add it and run scontrol reconfigure`;
  return null;
}
