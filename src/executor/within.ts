// Waits for something, but not for ever.

import { clearTimeout, setTimeout, type Timer } from "../clock.js";

/** Resolves when `done` does, or after `limitMs`. */
export async function withinMs(limitMs: number, done: Promise<unknown>): Promise<void> {
  let late: Timer | undefined;
  await Promise.race([
    done,
    new Promise<void>((resolve) => {
      late = setTimeout(resolve, limitMs);
    }),
  ]);
  clearTimeout(late);
}
