// Watching holes open and close, from plan to plan and by what hooks say: what the survival model learns from.

import type { Hole, UnusableNode } from "../../model/capacity/hole.js";
import type { HoleKind } from "../../model/capacity/prediction.js";
import type { NodeName } from "../../model/ids.js";
import type { WatchedHole } from "./survival.js";

/** A hole that is there, since when, and whether its beginning was seen. */
interface Watched {
  readonly kind: HoleKind;
  readonly openedAtMs: number;
  /** false: it was there when watching began, so its age is at least this and what it teaches would be wrong. */
  readonly seenOpening: boolean;
  /** Cores that were free when last looked at. */
  readonly cores: number;
}

/** Reasons that say nothing about whether the hole is still there. */
const undecided: ReadonlySet<UnusableNode["reason"]["kind"]> = new Set([
  "stale",
  "launchFailing",
  "sick",
  "tooShort",
]);

/** The end of one hole. */
export interface Ended extends WatchedHole {
  readonly node: NodeName;
  readonly endedAtMs: number;
  /** false: its age is not known, so the survival model must not learn from it. */
  readonly teaches: boolean;
}

/**
 * A hole's life begins when cores become free on a node that had none (or when its last job leaves: a whole node is another kind
 * of hole than a rest), and ends when a job begins there; then what is left is a new hole. It is censored when it is lost sight
 * of in another way: the node goes down, an operator drains it, its last neighbour leaves.
 */
export class HoleWatch {
  private readonly holes = new Map<NodeName, Watched>();
  /** When a hook last told that a job left a node, for holes that open. */
  private readonly freedAtMs = new Map<NodeName, number>();
  private lookedAtMs: number | null = null;

  openedAtMs(node: NodeName): number | null {
    return this.holes.get(node)?.openedAtMs ?? null;
  }

  /** A hook told that a job began on the node: its hole ended, and what may be left is a new one. Null when none was known. */
  jobBegan(node: NodeName, atMs: number): Ended | null {
    const hole = this.holes.get(node);
    if (hole === undefined || atMs < hole.openedAtMs) return null;
    this.holes.set(node, { ...hole, kind: "fragment", openedAtMs: atMs, seenOpening: true });
    return end(node, hole, atMs, true);
  }

  /** A hook told that a job left the node: the next look will show what became free, since then. */
  jobEnded(node: NodeName, atMs: number): void {
    this.freedAtMs.set(node, atMs);
  }

  /**
   * What a plan shows, as of `atMs`; a plan older than the last is ignored. Returns the holes that ended since. What ended or
   * began unseen by a hook is taken to have done so half-way between two looks.
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
    // A hook told of that job already: this look only shows its size.
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
    // What a hook told the beginning of and no look ever showed was no hole.
    if (!told) ended.push(end(node, known, betweenMs, idleCores < known.cores));
  }
}

function end(node: NodeName, hole: Watched, atMs: number, closed: boolean): Ended {
  const { kind, openedAtMs, seenOpening } = hole;
  const toAgeMs = Math.max(0, atMs - openedAtMs);
  return { node, kind, fromAgeMs: 0, toAgeMs, closed, endedAtMs: atMs, teaches: seenOpening };
}
