// The engine's interface to the work in holes, whether it is followed call by call or calculated.

import type { HoleKind } from "../../model/capacity/prediction.js";

/** What is known about a node's hole. */
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
  /** The next moment at which something happens by itself; infinity if nothing will. */
  nextAtMs(): number;
  /**
   * Ends the calls that end now and queues those that arrive now. Called before anything else at
   * this moment.
   */
  advance(nowMs: number): void;
  /**
   * The node has `slots` from now on: additional ones are empty; of surplus ones, the empty go
   * first, then those with the youngest calls.
   */
  resize(node: number, slots: number, nowMs: number): Evicted;
  /** The node accepts no new call before `untilMs`. */
  close(node: number, untilMs: number): void;
  /** Fills empty slots. Called after anything else at this moment. */
  dispatch(nowMs: number): void;
  /** The end of the trace: work finished by now counts. */
  end(nowMs: number): void;
}

/** Receives finished work. */
export interface WorkSink {
  /** `calls` calls, one after the other on each of `slots` cores, during [fromMs, toMs). */
  finished(node: number, slots: number, fromMs: number, toMs: number, calls: number): void;
}
