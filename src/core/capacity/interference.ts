// Whether batch jobs suffer beside functions: what executors report of pressure, held against limits, with patience both ways.

import type { PressureReport } from "../../model/capacity/pressure.js";
import type { NodeName } from "../../model/ids.js";

export interface InterferencePolicy {
  /** Pressure above a limit for so long is no accident. */
  readonly sustainedMs: number;
  /** So long a node is left alone the first time; doubled each time its jobs suffer again. */
  readonly awayMs: number;
  readonly longestAwayMs: number;
}

/** A report that is not followed by another within this many of its intervals means that the pressure went. */
const missedReports = 2.5;

/** Why a node is left alone, and until when. */
export interface Interference {
  readonly detail: string;
  readonly untilMs: number;
}

interface Watched {
  /** Since when one report followed the other; null: none is under way. */
  overSinceMs: number | null;
  lastMs: number;
  away: Interference | null;
  times: number;
}

/**
 * Decides by node. It hears of pressure above the limits only; a node whose jobs left is cleared. Given the time with each
 * call, it is as pure as a map can be.
 */
export class InterferenceGuard {
  private readonly nodes = new Map<NodeName, Watched>();

  constructor(private readonly policy: InterferencePolicy) {}

  /** An executor measured pressure above a limit over its last interval. True: take it off the node now. */
  heard(node: NodeName, report: PressureReport, nowMs: number): boolean {
    const none = { overSinceMs: null, lastMs: nowMs, away: null, times: 0 };
    const watched = this.nodes.get(node) ?? none;
    this.nodes.set(node, watched);
    const isGap = nowMs - watched.lastMs > report.intervalMs * missedReports;
    // What was measured is the interval before the report.
    if (watched.overSinceMs === null || isGap) watched.overSinceMs = nowMs - report.intervalMs;
    watched.lastMs = nowMs;
    if (watched.away !== null && watched.away.untilMs > nowMs) return true;
    if (nowMs - watched.overSinceMs < this.policy.sustainedMs) return false;
    const awayMs = Math.min(this.policy.awayMs * 2 ** watched.times, this.policy.longestAwayMs);
    watched.times = Math.min(watched.times + 1, 30);
    watched.overSinceMs = null;
    watched.away = { detail: describePressure(report), untilMs: nowMs + awayMs };
    return true;
  }

  /** null: nothing speaks against the node. */
  interference(node: NodeName, nowMs: number): Interference | null {
    const away = this.nodes.get(node)?.away ?? null;
    return away !== null && away.untilMs > nowMs ? away : null;
  }

  /** Forgets nodes without a batch job: nobody is left there to suffer, and the next job is another one. */
  keepOnly(busy: ReadonlySet<NodeName>): void {
    for (const node of this.nodes.keys()) if (!busy.has(node)) this.nodes.delete(node);
  }
}

/** One sentence without a full stop. */
export function describePressure(report: PressureReport): string {
  const { job, resource, percent, limitPercent } = report;
  const whose = job === null ? "processes of the node" : `job ${job}`;
  const what = resource === "cpu" ? "a core" : "memory";
  return `${whose} waited for ${what} in ${percent} % of the time, above the ${limitPercent} % of interference.${limitName(report)}`;
}

const limitName = ({ job, resource }: PressureReport): string =>
  `${job === null ? "node" : "job"}${resource === "cpu" ? "Cpu" : "Memory"}Percent`;
