// The spares on this node, one a user: which worker may begin with one, and when the next is made.

import type { Resources } from "../../../model/resources.js";
import type { CallAttemptOrder } from "../../../wire/messages.js";
import type { Spare } from "./spare.js";

/** Users beyond that have none; the memory of the budget usually allows fewer. */
const maxSpares = 16;
/** What differs between functions that are otherwise started alike: told when code is loaded. */
const namesOfFunction = ["GLEANER_FUNCTION", "GLEANER_VERSION"];

/** Makes a spare with a group of its own; throws if the node cannot create one. */
export type OpenSpare = (order: CallAttemptOrder, onGone: () => void) => Spare | null;

interface Kept {
  readonly spare: Spare;
  /** Calls whose workers would be started exactly like this. */
  readonly likeness: string;
}

export class Spares {
  private readonly kept = new Map<number, Kept>();
  private readonly leaving = new Set<Spare>();

  constructor(private readonly open: OpenSpare) {}

  get all(): readonly Spare[] {
    return [...[...this.kept.values()].map(({ spare }) => spare), ...this.leaving];
  }

  /** The spare with which this call's worker begins; null if it needs a start of its own. */
  reserve(order: CallAttemptOrder): Spare | null {
    const kept = this.kept.get(order.uid);
    if (!canHave(order) || kept?.likeness !== likenessOf(order)) return null;
    if (!kept.spare.isReady) return null;
    this.kept.delete(order.uid);
    kept.spare.reserve();
    return kept.spare;
  }

  /** A call has ended: the next one of its user may need a worker. `room`: what nobody holds. */
  want(order: CallAttemptOrder, room: Resources): void {
    if (!canHave(order) || room.cores < order.cores) return;
    const likeness = likenessOf(order);
    const kept = this.kept.get(order.uid);
    if (kept?.likeness === likeness) return;
    if (kept !== undefined) void this.stop(order.uid, kept.spare);
    else if (room.memoryMb >= order.memoryMb && this.kept.size < maxSpares)
      this.add(order, likeness);
  }

  private add(order: CallAttemptOrder, likeness: string): void {
    const { uid } = order;
    const onGone = () => {
      this.leaving.delete(spare!);
      if (this.kept.get(uid)?.spare === spare) this.kept.delete(uid);
    };
    let spare: Spare | null = null;
    try {
      spare = this.open(order, onGone);
    } catch {
      // The next worker's own group cannot be created either, which is reported then.
    }
    if (spare !== null) this.kept.set(uid, { spare, likeness });
  }

  /** Makes room for one of another kind, which the end of a later call brings. */
  private stop(uid: number, spare: Spare): Promise<void> {
    this.kept.delete(uid);
    this.leaving.add(spare);
    return spare.stop();
  }
}

/** What a worker gets when it loads its code, if it was not started for it. */
export const environmentOfFunction = (order: CallAttemptOrder): Record<string, string> =>
  Object.fromEntries(Object.entries(order.environment).filter(([name]) => isOfFunction(name)));

/** The variables with which spares are started. */
export const environmentOfSpare = (order: CallAttemptOrder): Record<string, string> =>
  Object.fromEntries(Object.entries(order.environment).filter(([name]) => !isOfFunction(name)));

const isOfFunction = (name: string): boolean => namesOfFunction.includes(name);

/** Python has parents, and the others start as fast. */
const canHave = ({ command, gpus }: CallAttemptOrder): boolean =>
  command.settings.runtime === "node" && command.settings.image === null && gpus === 0;

const likenessOf = (order: CallAttemptOrder): string => {
  const { uid, gid, user, cores, memoryMb, command } = order;
  const environment = Object.entries(environmentOfSpare(order)).sort();
  return JSON.stringify([uid, gid, user, cores, memoryMb, command.settings.setup, environment]);
};
