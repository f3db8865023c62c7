// Disturbs the batch jobs: parts of Slurm and of Gleaner that stop, die, and come back.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { monotonicMs, nowMs } from "../../../src/clock.js";
import { isGone } from "../../cluster/processes/gone.js";
import type { Site } from "../../site/site.js";
import { say } from "../lib/harness.js";

/** A stopped executor is killed by the first job's hook; if no job comes, it continues. */
const stoppedMs = 8_000;
const patienceMs = 60_000;
/** Slurm may drain a node whose slurmd is away (`Kill task failed`): it is resumed afterwards. */
const upOrDrained = /^(idle|mixed|allocated|drained|draining) /;
/** Between two checks for a slurmd that died by itself. */
const lookEveryMs = 500;

export interface Disturbance {
  readonly name: string;
  /**
   * Whether it is Slurm itself that is disturbed: Gleaner is not to blame for a job that Slurm then
   * loses.
   */
  readonly isOfSlurm: boolean;
  readonly run: (site: Site, random: (below: number) => number) => Promise<void>;
}

const nodeOf = (site: Site, random: (below: number) => number) =>
  site.cluster.nodeNames[random(site.cluster.nodeNames.length)]!;

export const disturbances: readonly Disturbance[] = [
  {
    name: "executorStop",
    isOfSlurm: false,
    run: async (site, random) => {
      const pid = executorPid(site, nodeOf(site, random));
      if (pid === null) return;
      signal(pid, "SIGSTOP");
      if (!(await goneWithin(pid, stoppedMs))) signal(pid, "SIGCONT");
    },
  },
  {
    name: "daemonStop",
    isOfSlurm: false,
    run: async (site, random) => {
      process.kill(site.daemonPid, "SIGSTOP");
      await pause(2_000 + random(8_000));
      process.kill(site.daemonPid, "SIGCONT");
    },
  },
  {
    name: "reconfigure",
    isOfSlurm: true,
    run: async (site) => void (await site.cluster.run("scontrol", ["reconfigure"])),
  },
  {
    name: "slurmdKill",
    isOfSlurm: true,
    run: async (site, random) => {
      const node = nodeOf(site, random);
      const pid = site.cluster.pids().slurmd[node];
      if (pid === undefined) throw new Error(`${node} has no slurmd`);
      process.kill(pid, "SIGKILL");
      if (!(await goneWithin(pid, patienceMs))) throw new Error("a killed slurmd still runs");
      await site.cluster.startNode(node, upOrDrained);
    },
  },
  {
    name: "slurmctldRestart",
    isOfSlurm: true,
    run: async (site) => {
      await site.cluster.stopSlurmctld();
      await site.cluster.startSlurmctld();
    },
  },
];

export interface Window {
  readonly name: string;
  readonly isOfSlurm: boolean;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A node that Slurm took out of service. */
export interface Drained {
  readonly node: string;
  readonly reason: string;
  /** Slurm drains a node whose prolog or epilog fails; any other reason is Slurm's own. */
  readonly isByUs: boolean;
}

/**
 * Disturbs one after the other until `over`, with pauses in between; returns what happened when.
 * Nodes that left the service meanwhile are noted and resumed, so that the run continues with all
 * of them.
 */
export async function disturb(
  site: Site,
  random: (below: number) => number,
  everyMs: number,
  over: AbortSignal,
): Promise<{ windows: Window[]; drained: Drained[] }> {
  const windows: Window[] = [];
  const drained: Drained[] = [];
  const crashes = new Crashes(site);
  for (let turn = 0; !over.aborted; turn++) {
    const untilMs = monotonicMs() + everyMs;
    while (monotonicMs() < untilMs && !over.aborted) {
      await pause(lookEveryMs, undefined, { signal: over }).catch(() => {});
      windows.push(...(await crashes.restart()));
    }
    if (over.aborted) break;
    const { name, isOfSlurm, run } = disturbances[turn % disturbances.length]!;
    const fromMs = nowMs();
    await run(site, random);
    windows.push({ name, isOfSlurm, fromMs, toMs: nowMs() });
    drained.push(...(await putBackDrained(site)));
  }
  drained.push(...(await putBackDrained(site)));
  return { windows, drained };
}

/** Slurm's own daemons crash occasionally: slurmd 22.05 with "double free or corruption". */
class Crashes {
  #lookedAtMs = nowMs();

  constructor(private readonly site: Site) {}

  /** Starts each slurmd that died by itself since the last check; returns a window for each. */
  async restart(): Promise<Window[]> {
    const { cluster } = this.site;
    const fromMs = this.#lookedAtMs;
    const windows: Window[] = [];
    for (const node of cluster.nodeNames) {
      const pid = cluster.pids().slurmd[node];
      if (pid !== undefined && !isGone(pid)) continue;
      const lastWords = readFileSync(join(cluster.dir, "log", `${node}.log.out`), "utf8")
        .trim()
        .split("\n")
        .at(-1);
      say(`slurmd on ${node} crashed: ${lastWords}`);
      await cluster.startNode(node, upOrDrained);
      windows.push({ name: "slurmdCrash", isOfSlurm: true, fromMs, toMs: nowMs() });
    }
    this.#lookedAtMs = nowMs();
    return windows;
  }
}

async function putBackDrained(site: Site): Promise<Drained[]> {
  const { stdout } = await site.cluster.run("sinfo", ["-h", "-N", "-o", "%N %t %E"]);
  const drained: Drained[] = [];
  for (const line of stdout.split("\n")) {
    const [, node, reason] = /^(\S+) (?:drain|drng|down|fail)\S* (.*)$/.exec(line) ?? [];
    if (node === undefined || reason === undefined) continue;
    drained.push({ node, reason, isByUs: /prolog|epilog/i.test(reason) });
    await site.cluster.run("scontrol", ["update", `NodeName=${node}`, "State=RESUME"]);
  }
  return drained;
}

async function goneWithin(pid: number, withinMs: number): Promise<boolean> {
  const startedMs = monotonicMs();
  while (!isGone(pid)) {
    if (monotonicMs() - startedMs > withinMs) return false;
    await pause(20);
  }
  return true;
}

function executorPid(site: Site, node: string): number | null {
  const file = join(site.files.run, node, "executor.pid");
  if (!existsSync(file)) return null;
  const pid = /^pid=(\d+)$/m.exec(readFileSync(file, "utf8"))?.[1];
  return pid === undefined || isGone(Number(pid)) ? null : Number(pid);
}

function signal(pid: number, name: "SIGSTOP" | "SIGCONT"): void {
  if (!isGone(pid)) process.kill(pid, name);
}
