// The places that attempts have on a node. Attempts that share a worker have one place, which is
// held once, and which they lose together.

import type { Resources } from "../../model/resources.js";
import { chooseVictims, type Held } from "../budget/victims.js";
import type { AttemptGroup } from "../containment/containment.js";

/** The part of an attempt that counts here. */
interface Placed extends Held {
  readonly group: AttemptGroup;
  readonly isEnding: boolean;
}

/** One for each place, held since its first attempt. */
export function placesOf<One extends Placed>(attempts: Iterable<One>): readonly One[] {
  const first = new Map<AttemptGroup, One>();
  for (const each of attempts) if (!first.has(each.group)) first.set(each.group, each);
  return [...first.values()];
}

/** With all that share a place with one of them. */
export function together<One extends Placed>(
  some: readonly One[],
  all: Iterable<One>,
): readonly One[] {
  const groups = new Set(some.map(({ group }) => group));
  return [...all].filter(({ group }) => groups.has(group));
}

/** Those that must go so that the rest fits; a place that is being left goes first. */
export function victimsOf<One extends Placed>(all: readonly One[], budget: Resources): One[] {
  const places = placesOf(all).map((first) => {
    const { group, cores, memoryMb, gpus, gres } = first;
    const members = together([first], all);
    const isEnding = members.every((each) => each.isEnding);
    const startedAtMs = isEnding ? Infinity : first.startedAtMs;
    return { group, cores, memoryMb, gpus, gres, startedAtMs, members };
  });
  return chooseVictims(places, budget).flatMap(({ members }) => members);
}
