// What the engine asks of the work in the holes, whether it is followed call by call or reckoned.

import type { HoleKind } from "../../model/capacity/prediction.js";

/** What is known of a node's hole. */
export interface KnownHole {
  readonly kind: HoleKind;
  readonly openedAtMs: number | null;
  readonly hazardRatio: number;
}

/** What an eviction cost the work on a node. */
export interface Evicted {
  readonly attempts: number;
  readonly lostMs: number;
}

/** Slots are numbered by node; each runs one call at a time on one core. */
export interface Workload {
  /** The next moment at which something happens by itself; infinity when nothing will. */
  nextAtMs(): number;
  /** Calls that end now end; calls that arrive now wait. Comes before all else that happens at this moment. */
  advance(nowMs: number): void;
  /** The node has `slots` from now on: more are empty, of fewer the empty go first and then the youngest calls. */
  resize(node: number, slots: number, nowMs: number): Evicted;
  /** The node takes no new call before `untilMs`. */
  close(node: number, untilMs: number): void;
  /** Fills empty slots. Comes after all else that happens at this moment. */
  dispatch(nowMs: number): void;
  /** The end of the trace: what is finished by now counts. */
  end(nowMs: number): void;
}

/** Where finished work is told. */
export interface WorkSink {
  /** `calls` calls, one after the other on each of `slots` cores, during [fromMs, toMs). */
  finished(node: number, slots: number, fromMs: number, toMs: number, calls: number): void;
}
