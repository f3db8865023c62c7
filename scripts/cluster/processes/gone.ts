// Tells whether a process is gone, and waits until it is.

import { startTicksOf } from "../../../src/executor/node/processes.js";

const pollMs = 5;

/** A zombie is gone once all its threads have ended: whoever adopted it may never wait for it. */
export const isGone = (pid: number): boolean => startTicksOf(pid) === null;

/** Has no deadline of its own; nobody but the parent has an event to wait for. */
export async function untilGone(pid: number): Promise<void> {
  while (!isGone(pid)) await new Promise((resolve) => setTimeout(resolve, pollMs));
}
