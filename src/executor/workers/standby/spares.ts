// The spares on this node, a few for each user: which worker may begin with one, and when the next
// are made.

import { beginsWithSpare } from "../../../model/functions/settings.js";
import type { Resources } from "../../../model/resources.js";
import type { CallAttemptOrder } from "../../../wire/messages.js";
import type { Spare } from "./spare.js";

/** On a node, and users that may have some; the memory of the budget usually allows fewer. */
const maxSpares = 16;
/** A user has one, one more after each call that found none booted, and none after one failed. */
const maxOfUser = 4;
/** What differs between functions that are otherwise started alike: told when code is loaded. */
const namesOfFunction = ["GLEANER_FUNCTION", "GLEANER_VERSION"];

/** Makes a spare with a group of its own; throws if the node cannot create one. */
export type OpenSpare = (order: CallAttemptOrder, onGone: () => void) => Spare | null;

interface OfUser {
  readonly spares: Set<Spare>;
  /** Calls whose workers would be started exactly like these. */
  readonly likeness: string;
  wanted: number;
}

export class Spares {
  private readonly ofUsers = new Map<number, OfUser>();
  private readonly leaving = new Set<Spare>();

  constructor(private readonly open: OpenSpare) {}

  get all(): readonly Spare[] {
    return [...this.kept, ...this.leaving];
  }

  private get kept(): readonly Spare[] {
    return [...this.ofUsers.values()].flatMap(({ spares }) => [...spares]);
  }

  /** The spare with which this call's worker begins; null if it needs a start of its own. */
  reserve(order: CallAttemptOrder): Spare | null {
    const ofUser = this.ofUsers.get(order.uid);
    if (!canHave(order) || ofUser?.likeness !== likenessOf(order)) return null;
    const usable = [...ofUser.spares].filter(({ isUsable }) => isUsable);
    const booted = usable.find(({ isBooting }) => !isBooting);
    const hasWanted = ofUser.wanted > 0;
    if (booted === undefined && hasWanted) ofUser.wanted = Math.min(maxOfUser, ofUser.wanted + 1);
    const spare = booted ?? usable[0];
    if (spare === undefined) return null;
    ofUser.spares.delete(spare);
    spare.reserve();
    return spare;
  }

  /**
   * Calls like this one are expected: it has just ended, or gleanerd says so. `room`: what nobody
   * holds. false if the first spare lacks nothing but memory.
   */
  want(order: CallAttemptOrder, room: Resources): boolean {
    if (!canHave(order) || room.cores < order.cores) return true;
    const ofUser = this.ofUser(order);
    if (ofUser === null) return true;
    const { spares, wanted } = ofUser;
    if (spares.size === 0 && this.kept.length >= maxSpares && room.memoryMb >= order.memoryMb)
      this.endOneOfMany();
    const booting = this.kept.filter(({ isBooting }) => isBooting).length;
    const missing = Math.min(
      wanted - spares.size,
      maxSpares - this.kept.length,
      Math.floor(room.cores / order.cores) - booting,
    );
    const fitting = Math.min(missing, Math.floor(room.memoryMb / order.memoryMb));
    for (let added = 0; added < fitting; added++) this.add(order, ofUser);
    return missing <= 0 || fitting > 0 || spares.size > 0;
  }

  /** null if there are others that first have to go: the end of a later call brings these. */
  private ofUser(order: CallAttemptOrder): OfUser | null {
    const { uid } = order;
    const likeness = likenessOf(order);
    const known = this.ofUsers.get(uid);
    if (known?.likeness === likeness) return known;
    this.ofUsers.delete(uid);
    for (const spare of known?.spares ?? []) {
      this.leaving.add(spare);
      void spare.stop();
    }
    if (known !== undefined && known.spares.size > 0) return null;
    for (const [other, { spares }] of this.ofUsers)
      if (this.ofUsers.size >= maxSpares && spares.size === 0) this.ofUsers.delete(other);
    const made = { spares: new Set<Spare>(), likeness, wanted: 1 };
    if (this.ofUsers.size < maxSpares) this.ofUsers.set(uid, made);
    return this.ofUsers.get(uid) ?? null;
  }

  /** The user with the most has one less, so that others have their first. */
  private endOneOfMany(): void {
    const [most] = [...this.ofUsers.values()].sort((a, b) => b.spares.size - a.spares.size);
    const [oldest] = most!.spares;
    if (most!.spares.size <= 1) return;
    most!.wanted = most!.spares.size - 1;
    most!.spares.delete(oldest!);
    this.leaving.add(oldest!);
    void oldest!.stop();
  }

  private add(order: CallAttemptOrder, ofUser: OfUser): void {
    const { spares } = ofUser;
    const onGone = () => {
      this.leaving.delete(spare!);
      spares.delete(spare!);
      if (spare!.hasFailed) ofUser.wanted = 0;
    };
    let spare: Spare | null = null;
    try {
      spare = this.open(order, onGone);
    } catch {
      // The next worker's own group cannot be created either, which is reported then.
    }
    if (spare !== null) spares.add(spare);
  }
}

/** What a worker gets when it loads its code, if it was not started for it. */
export const environmentOfFunction = (order: CallAttemptOrder): Record<string, string> =>
  Object.fromEntries(Object.entries(order.environment).filter(([name]) => isOfFunction(name)));

/** The variables with which spares are started. */
export const environmentOfSpare = (order: CallAttemptOrder): Record<string, string> =>
  Object.fromEntries(Object.entries(order.environment).filter(([name]) => !isOfFunction(name)));

const isOfFunction = (name: string): boolean => namesOfFunction.includes(name);

const canHave = ({ command, gpus }: CallAttemptOrder): boolean =>
  beginsWithSpare(command.settings, gpus);

const likenessOf = (order: CallAttemptOrder): string => {
  const { uid, gid, user, cores, memoryMb } = order;
  const environment = Object.entries(environmentOfSpare(order)).sort();
  return JSON.stringify([uid, gid, user, cores, memoryMb, environment]);
};
