// A place on an executor that several assignments have: tasks one after another, or calls at once
// in the seats of one worker. Its cores and memory are held once.

import type { InvocationId } from "../../model/ids.js";
import type { AttemptKey } from "../../wire/messages.js";

/** The part of an assignment that counts here. */
interface Sharing {
  readonly invocation: InvocationId;
  readonly place: SharedPlace | null;
}

/** What calls share. */
export interface SharedWorker {
  /** The kind of the worker. */
  readonly key: string;
  readonly seats: number;
  /** The attempt by which its executor knows it. */
  readonly openedFor: AttemptKey;
}

export interface SharedPlace {
  /** Calls in the seats of a worker; false: tasks, one after another. */
  readonly isAtOnce: boolean;
  /** null for tasks, and if an earlier gleanerd opened it. */
  readonly worker: SharedWorker | null;
  /** Those that the executor holds, in their order; the first has what they hold. */
  readonly tasks: readonly Sharing[];
  /** Whether its worker takes further calls. */
  isOpen: boolean;
  /** When the first was ordered; null before. */
  orderedAtMs: number | null;
  /** What those that have ended took together, as far as that is believed. */
  spentMs: number;
  /** The part of each whose end is not durable: its executor may have to report it again. */
  readonly toldMs: Map<InvocationId, number>;
}

const newPlace = (isAtOnce: boolean, worker: SharedWorker | null): SharedPlace => ({
  isAtOnce,
  worker,
  tasks: [],
  isOpen: worker !== null,
  orderedAtMs: null,
  spentMs: 0,
  toldMs: new Map(),
});

export const newTaskRun = (): SharedPlace => newPlace(false, null);
export const openWorker = (worker: SharedWorker): SharedPlace => newPlace(true, worker);
/** An earlier gleanerd opened it: it takes no further call. */
export const foundWorker = (): SharedPlace => newPlace(true, null);

/** One of them was ordered then. */
export function orderedIn(place: SharedPlace, atMs: number): void {
  place.orderedAtMs = Math.min(place.orderedAtMs ?? atMs, atMs);
}

const seatsLeft = ({ isOpen, worker, tasks }: SharedPlace): number =>
  isOpen && worker !== null ? Math.max(0, worker.seats - tasks.length) : 0;

/** Free seats by the kind of worker, of an executor with these holders. */
export function freeSeats(holders: Iterable<Sharing>): ReadonlyMap<string, number> {
  const free = new Map<string, number>();
  for (const { place } of holders) {
    const left = place === null ? 0 : seatsLeft(place);
    if (left > 0) free.set(place!.worker!.key, (free.get(place!.worker!.key) ?? 0) + left);
  }
  return free;
}

/** A place there with a free seat; null if there is none. */
export function placeWithSeat(holders: Iterable<Sharing>, key: string): SharedPlace | null {
  for (const { place } of holders)
    if (place !== null && place.worker?.key === key && seatsLeft(place) > 0) return place;
  return null;
}

/**
 * Before a worker is opened there for another attempt of the invocation: records name a worker by
 * the invocation alone.
 */
export function closeOpenedFor(holders: Iterable<Sharing>, invocation: InvocationId): void {
  for (const { place } of holders)
    if (place?.worker?.openedFor.invocation === invocation) place.isOpen = false;
}
