// The share of the processors that a thread of the store gets beside the daemon's own thread.

import { getPriority, setPriority } from "node:os";

/**
 * The niceness of a thread that only reads: long lists and reports use as much of a processor as
 * they get, and while one runs, the daemon's own thread, for which all users wait, comes first.
 */
export const readersNice = 10;

/**
 * Affects the calling thread only: for Linux, each thread has a niceness of its own. A daemon that
 * was started nicer stays so: without privileges it could not go back.
 */
export function yieldToOtherThreads(): void {
  if (getPriority() < readersNice) setPriority(readersNice);
}
