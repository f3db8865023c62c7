// The share of the processors that a thread of the store gets beside the daemon's own thread.

import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { basename } from "node:path";

/**
 * The niceness of a thread that only reads: long lists and reports use as much of a processor as
 * they get, and while one runs, the daemon's own thread, for which all users wait, comes first.
 */
const readersNice = 10;

/** Affects the calling thread only: for Linux, each thread has a niceness of its own. */
export function yieldToOtherThreads(): void {
  // PID/task/TID
  const threadId = Number(basename(readlinkSync("/proc/thread-self")));
  setPriority(threadId, readersNice);
}
