// Decides whether functions slow down batch jobs on a node, from the pressure that executors
// report, with delays in both directions.

import type { PressureReport } from "../../model/capacity/pressure.js";
import type { NodeName } from "../../model/ids.js";

export interface InterferencePolicy {
  /** Pressure above the limit for this long is not an accident. */
  readonly sustainedMs: number;
  /** How long Gleaner avoids a node the first time; doubled each time its jobs suffer again. */
  readonly awayMs: number;
  readonly longestAwayMs: number;
}

/** If no further report follows within this many intervals, the pressure has ended. */
const missedReports = 2.5;

/** Why Gleaner avoids a node, and until when. */
export interface Interference {
  readonly detail: string;
  readonly untilMs: number;
}

interface Watched {
  /** The start of the present unbroken series of reports; null if there is none. */
  overSinceMs: number | null;
  lastMs: number;
  away: Interference | null;
  times: number;
}

/**
 * Decides per node. Executors report only pressure above the limits; a node whose jobs have left is
 * cleared. Every call passes the time, so the result depends on the calls alone.
 */
export class InterferenceGuard {
  private readonly nodes = new Map<NodeName, Watched>();

  constructor(private readonly policy: InterferencePolicy) {}

  /**
   * An executor measured pressure above a limit over its last interval. Returns true if it must
   * leave the node now.
   */
  heard(node: NodeName, report: PressureReport, nowMs: number): boolean {
    const none = { overSinceMs: null, lastMs: nowMs, away: null, times: 0 };
    const watched = this.nodes.get(node) ?? none;
    this.nodes.set(node, watched);
    const isGap = nowMs - watched.lastMs > report.intervalMs * missedReports;
    // The report describes the interval before it.
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

  /** null if the node may be used. */
  interference(node: NodeName, nowMs: number): Interference | null {
    const away = this.nodes.get(node)?.away ?? null;
    return away !== null && away.untilMs > nowMs ? away : null;
  }

  /**
   * Forgets nodes without a batch job: no job is left to suffer, and the next job is a different
   * one.
   */
  keepOnly(busy: ReadonlySet<NodeName>): void {
    for (const node of this.nodes.keys()) if (!busy.has(node)) this.nodes.delete(node);
  }
}

/** One sentence without a full stop. */
export function describePressure(report: PressureReport): string {
  const { job, resource, percent, limitPercent } = report;
  const whose = job === null ? "processes of the node" : `job ${job}`;
  const what = resource === "cpu" ? "a core" : "memory";
  return `${whose} waited for ${what} ${percent} % of the time, more than the ${limitPercent} % that interference.${limitName(report)} allows`;
}

const limitName = ({ job, resource }: PressureReport): string =>
  `${job === null ? "node" : "job"}${resource === "cpu" ? "Cpu" : "Memory"}Percent`;
