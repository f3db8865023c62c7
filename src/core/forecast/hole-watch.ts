// Observes how holes open and close, from plan to plan and through hook reports: the survival model
// learns from this.

import type { Hole, UnusableNode } from "../../model/capacity/hole.js";
import type { HoleKind } from "../../model/capacity/prediction.js";
import type { NodeName } from "../../model/ids.js";
import type { WatchedHole } from "./survival.js";

/** An open hole, since when it is open, and whether its opening was observed. */
interface Watched {
  readonly kind: HoleKind;
  readonly openedAtMs: number;
  /**
   * false if it was open when observation began: then its age is only a lower bound, and the model
   * must not learn from it.
   */
  readonly seenOpening: boolean;
  /** Free cores at the last observation. */
  readonly cores: number;
}

/** Reasons that do not show whether the hole is still open. */
const undecided: ReadonlySet<UnusableNode["reason"]["kind"]> = new Set([
  "stale",
  "launchFailing",
  "sick",
  "noMemoryLeft",
  "tooShort",
]);

/** The end of one hole. */
export interface Ended extends WatchedHole {
  readonly node: NodeName;
  readonly endedAtMs: number;
  /** false if its age is unknown, so that the survival model must not learn from it. */
  readonly teaches: boolean;
}

/**
 * A hole opens when cores become free on a node that had none (or when its last job leaves, because
 * a whole node is a different kind of hole), and closes when a job begins there; the rest is then a
 * new hole. A hole is censored if it disappears in another way: the node goes down, an operator
 * drains it, or its last neighbour leaves.
 */
export class HoleWatch {
  private readonly holes = new Map<NodeName, Watched>();
  /** When a hook last reported that a job left a node, for holes that open. */
  private readonly freedAtMs = new Map<NodeName, number>();
  private lookedAtMs: number | null = null;

  openedAtMs(node: NodeName): number | null {
    return this.holes.get(node)?.openedAtMs ?? null;
  }

  /**
   * A hook reported that a job began on the node: its hole has closed, and the rest, if any, is a
   * new one. Returns null if no hole was known.
   */
  jobBegan(node: NodeName, atMs: number): Ended | null {
    const hole = this.holes.get(node);
    if (hole === undefined || atMs < hole.openedAtMs) return null;
    this.holes.set(node, { ...hole, kind: "fragment", openedAtMs: atMs, seenOpening: true });
    return end(node, hole, atMs, true);
  }

  /**
   * A hook reported that a job left the node: the next observation will show what has become free
   * since then.
   */
  jobEnded(node: NodeName, atMs: number): void {
    this.freedAtMs.set(node, atMs);
  }

  /**
   * Takes what a plan shows as of `atMs`; ignores a plan older than the last one. Returns the holes
   * that have closed since. Openings and closings that no hook reported are assumed to lie half-way
   * between two observations.
   */
  look(holes: readonly Hole[], unusable: readonly UnusableNode[], atMs: number): Ended[] {
    const { lookedAtMs } = this;
    if (lookedAtMs !== null && atMs <= lookedAtMs) return [];
    const betweenMs = lookedAtMs === null ? atMs : Math.round((lookedAtMs + atMs) / 2);
    const ended: Ended[] = [];
    const seen = new Set<NodeName>();
    for (const hole of holes) {
      seen.add(hole.node);
      this.lookAtHole(hole, betweenMs, ended);
    }
    for (const each of unusable) {
      seen.add(each.node);
      this.lookAtUnusable(each, betweenMs, ended);
    }
    for (const [node, hole] of this.holes) {
      if (seen.has(node)) continue;
      this.holes.delete(node);
      ended.push(end(node, hole, betweenMs, false));
    }
    this.lookedAtMs = atMs;
    this.freedAtMs.clear();
    return ended;
  }

  private lookAtHole(hole: Hole, betweenMs: number, ended: Ended[]): void {
    const { node, kind, free } = hole;
    const known = this.holes.get(node);
    const jobBegan = known !== undefined && free.cores < known.cores;
    // A hook has already reported that job: this observation only shows its size.
    const told =
      known !== undefined && this.lookedAtMs !== null && known.openedAtMs > this.lookedAtMs;
    if (known !== undefined && (told || (!jobBegan && kind === known.kind))) {
      this.holes.set(node, { ...known, kind, cores: free.cores });
      return;
    }
    if (known !== undefined) ended.push(end(node, known, betweenMs, jobBegan));
    const openedAtMs = this.freedAtMs.get(node) ?? betweenMs;
    const seenOpening = this.lookedAtMs !== null;
    this.holes.set(node, { kind, openedAtMs, seenOpening, cores: free.cores });
  }

  private lookAtUnusable(
    { node, reason, idleCores }: UnusableNode,
    betweenMs: number,
    ended: Ended[],
  ): void {
    const known = this.holes.get(node);
    const isCompleting = reason.kind === "state" && reason.flag === "COMPLETING";
    if (known === undefined || undecided.has(reason.kind) || isCompleting) return;
    this.holes.delete(node);
    const told = this.lookedAtMs !== null && known.openedAtMs > this.lookedAtMs;
    // A hole whose opening a hook reported but no observation showed was not a hole.
    if (!told) ended.push(end(node, known, betweenMs, idleCores < known.cores));
  }
}

function end(node: NodeName, hole: Watched, atMs: number, closed: boolean): Ended {
  const { kind, openedAtMs, seenOpening } = hole;
  const toAgeMs = Math.max(0, atMs - openedAtMs);
  return { node, kind, fromAgeMs: 0, toAgeMs, closed, endedAtMs: atMs, teaches: seenOpening };
}
