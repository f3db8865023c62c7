// Whose turn it is: the user who holds the fewest cores now goes first, then who waits longest.

import type { Waiting } from "./queue.js";

/** Negative when `left` goes first. `coresHeld` is what each user's running attempts hold now. */
export function compareTurns(
  left: Waiting,
  right: Waiting,
  coresHeld: ReadonlyMap<string, number>,
): number {
  const held = (coresHeld.get(left.user) ?? 0) - (coresHeld.get(right.user) ?? 0);
  if (left.user !== right.user && held !== 0) return held;
  return left.id - right.id;
}
