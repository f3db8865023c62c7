// Waits for something that has no event of its own by polling it, up to a deadline.

import { Patience } from "../lib/patience.mjs";

const POLL_INTERVAL_MS = 50;

/**
 * Calls `probe` until it returns something other than undefined, and returns that. An error of the
 * probe ends the wait; after `deadlineMs`, longer on a loaded machine, throws the error that
 * `tooLate` makes.
 */
export async function until<T>(
  deadlineMs: number,
  probe: () => Promise<T | undefined> | T | undefined,
  tooLate: () => Error,
): Promise<T> {
  const patience = new Patience(deadlineMs);
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (patience.isOver) throw tooLate();
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  }
}
