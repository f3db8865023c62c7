// Finds nodes that repeatedly return or lose work for no reason known to gleanerd: a broken or
// dishonest node would attract all work and finish none.

import type { JobId, NodeName } from "../../model/ids.js";
import type { Illness } from "./sick-nodes.js";

/** Attempts that return together, as when a job takes the node, form one round. */
const roundMs = 1_000;
/**
 * Points until Gleaner avoids a node. An eviction scores 1 per round, because short jobs come and
 * go between two reads of Slurm. A loss scores 4, because a function fails for good after
 * functions.maxLostAttempts.
 */
const mostPoints = 20;
const pointsOf = { EVICTED: 1, LOST: 4 } as const;
/** No job can return this many attempts at once; beyond it, rounds do not matter. */
const mostAtOnce = 2_000;
/**
 * How long Gleaner avoids a node the first time; doubled each time until the node finishes some
 * work.
 */
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

  /** Calls `foundSick` for each node that Gleaner avoids from now on. */
  constructor(private readonly foundSick: (node: NodeName, illness: Illness) => void) {}

  /**
   * An attempt was returned; `jobsOn` yields the jobs that Slurm shows on the node, called once per
   * round.
   */
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
      // The arrival of a job explains the earlier returns.
      if ([...jobs].some((job) => !count.jobs.has(job))) count.points = 0;
      Object.assign(count, { roundAtMs: nowMs, jobs });
      count.points += pointsOf[end];
    }
    if (count.points >= mostPoints || count.attempts >= mostAtOnce)
      this.leaveAlone(node, end, nowMs);
  }

  /** An attempt ended by itself on the node. */
  kept(node: NodeName): void {
    this.counts.delete(node);
    this.away.delete(node);
  }

  /** Why Gleaner avoids a node; null if it does not. */
  illness(node: NodeName, nowMs: number): Illness | null {
    const away = this.away.get(node);
    return away !== undefined && away.untilMs > nowMs ? away : null;
  }

  private leaveAlone(node: NodeName, end: "EVICTED" | "LOST", nowMs: number): void {
    const times = (this.away.get(node)?.times ?? 0) + 1;
    const untilMs = nowMs + Math.min(awayMs * 2 ** Math.min(times - 1, 30), longestAwayMs);
    const what = end === "LOST" ? "lost" : "sent back";
    const detail = `the node ${what} all of its recent work, and no job, drain or order explains why`;
    const away = { detail, untilMs, times };
    this.away.set(node, away);
    this.counts.delete(node);
    this.foundSick(node, away);
  }
}
