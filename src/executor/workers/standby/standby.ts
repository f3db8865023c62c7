// Processes that run no call and only make workers start sooner: they hold memory of the budget and
// no core, and are the first to go when anything else needs the room.

import type { WorkerKind } from "../../../model/call.js";
import type { VersionId } from "../../../model/ids.js";
import type { Resources } from "../../../model/resources.js";
import type { CallAttemptOrder } from "../../../wire/messages.js";
import type { AttemptGroup } from "../../containment/containment.js";

export interface Standby {
  readonly memoryMb: number;
  /** The version whose code it has loaded; null if none. */
  readonly version: VersionId | null;
  /** Whether it works for a call at present: such a one goes last. */
  readonly isBusy: boolean;
  /** Whether it runs although no call holds a core for it. */
  readonly isBooting: boolean;
  /** false once it was told to end. */
  readonly isOpen: boolean;
  /**
   * Has it stand still whatever it does, or go on; returns what to see that by. Throws if that is
   * impossible. null while it boots: then it is ended instead.
   */
  hold(isHeld: boolean): AttemptGroup | null;
  /** Kills it; resolves once its processes are gone. */
  stop(): Promise<void>;
}

/** All of them, in the order in which they go. */
export interface Standbys {
  readonly all: readonly Standby[];
  /**
   * A call has begun in a worker of this kind; `room` is what nobody holds. What it returns is to
   * be called when the call has ended.
   */
  callBegan(order: CallAttemptOrder, kind: WorkerKind, room: () => Resources): () => void;
  /**
   * Calls like this one are expected; `room` is what nobody holds. false if nothing stands by for
   * them, for want of memory only.
   */
  expect(order: CallAttemptOrder, room: Resources): boolean;
}

export const noStandbys: Standbys = { all: [], callBegan: () => () => {}, expect: () => true };

export const memoryOf = (standbys: readonly Standby[]): number =>
  standbys.reduce((sum, { isOpen, memoryMb }) => sum + (isOpen ? memoryMb : 0), 0);

/** How those are ended that work for a call, or those that do not. */
export const endsOf = (standbys: readonly Standby[], busy: boolean): (() => Promise<void>)[] =>
  standbys
    .filter(({ isOpen, isBusy }) => isOpen && isBusy === busy)
    .map((each) => () => each.stop());

/** Returns the groups of those that now stand still, or of those that go on. */
export const held = (standbys: readonly Standby[], isHeld: boolean): readonly AttemptGroup[] =>
  standbys.flatMap((each) => (each.isOpen ? (each.hold(isHeld) ?? []) : []));
