// Nodes that send back what they are given, or lose it, again and again without a reason that
// gleanerd knows of: a broken node, or one that lies, would draw all work and end none.

import type { JobId, NodeName } from "../../model/ids.js";
import type { Illness } from "./sick-nodes.js";

/** What comes back at once, as when a job takes the node, is one round. */
const roundMs = 1_000;
/**
 * Points until a node is left alone. An eviction in a round is one: short jobs come and go between
 * two reads of Slurm. A loss is four: a function is failed for good after functions.maxLostAttempts.
 */
const mostPoints = 20;
const pointsOf = { EVICTED: 1, LOST: 4 } as const;
/** No node has so many attempts that one job could send back; then rounds do not count. */
const mostAtOnce = 2_000;
/** So long it is left alone the first time; doubled each time, until it ends some work. */
const awayMs = 60_000;
const longestAwayMs = 3_600_000;

interface Count {
  points: number;
  attempts: number;
  roundAtMs: number;
  jobs: ReadonlySet<JobId>;
}

interface Away extends Illness {
  readonly times: number;
}

export class ReturnedWork {
  private readonly counts = new Map<NodeName, Count>();
  private readonly away = new Map<NodeName, Away>();

  /** `foundSick` hears of each node that is left alone from now on. */
  constructor(private readonly foundSick: (node: NodeName, illness: Illness) => void) {}

  /** An attempt came back; `jobsOn`: those that Slurm shows on the node, asked for once a round. */
  returned(
    node: NodeName,
    end: "EVICTED" | "LOST",
    jobsOn: () => readonly JobId[],
    nowMs: number,
  ): void {
    if (this.illness(node, nowMs) !== null) return;
    const count = this.counts.get(node) ?? {
      points: 0,
      attempts: 0,
      roundAtMs: Number.NEGATIVE_INFINITY,
      jobs: new Set(),
    };
    this.counts.set(node, count);
    count.attempts++;
    if (nowMs - count.roundAtMs >= roundMs) {
      const jobs = new Set(jobsOn());
      // A job that came explains what went before.
      if ([...jobs].some((job) => !count.jobs.has(job))) count.points = 0;
      Object.assign(count, { roundAtMs: nowMs, jobs });
      count.points += pointsOf[end];
    }
    if (count.points >= mostPoints || count.attempts >= mostAtOnce)
      this.leaveAlone(node, end, nowMs);
  }

  /** An attempt came to its own end there. */
  kept(node: NodeName): void {
    this.counts.delete(node);
    this.away.delete(node);
  }

  /** Why a node is left alone; null: it is not. */
  illness(node: NodeName, nowMs: number): Illness | null {
    const away = this.away.get(node);
    return away !== undefined && away.untilMs > nowMs ? away : null;
  }

  private leaveAlone(node: NodeName, end: "EVICTED" | "LOST", nowMs: number): void {
    const times = (this.away.get(node)?.times ?? 0) + 1;
    const untilMs = nowMs + Math.min(awayMs * 2 ** Math.min(times - 1, 30), longestAwayMs);
    const what = end === "LOST" ? "lost" : "sent back";
    const detail = `it ${what} all work that it was given for some time, without a job, drain or order that would explain it`;
    const away = { detail, untilMs, times };
    this.away.set(node, away);
    this.counts.delete(node);
    this.foundSick(node, away);
  }
}
