// Waiting for something that has no event of its own: ask again and again, up to a deadline.

import { Patience } from "../lib/patience.mjs";

const POLL_INTERVAL_MS = 50;

/**
 * Asks `probe` until it returns something else than undefined, and returns that. An error of the probe ends the
 * wait; after `deadlineMs`, longer on a loaded machine, the error is what `tooLate` makes.
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
