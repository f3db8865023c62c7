// How much log a worker may send: a runtime bounds what handlers print, so a worker that sends far
// more than its runtime would is hostile.

import { headerBytes } from "../wire/worker/frame.js";
import { maxLogPieceBytes } from "../wire/worker/limits.js";
import { WorkerFailure } from "./worker-failure.js";

/** What arrives late belongs to the time before, and the last piece may cross the limit. */
const tolerance = 2;

/** Counts whole frames, so that single characters are no cheaper. */
export class LogAllowance {
  private readonly limitBytes: number;
  private usedBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = tolerance * limitBytes + maxLogPieceBytes;
  }

  /** Throws LOG_FLOOD above the limit. */
  take(bytes: number): void {
    this.usedBytes += bytes + headerBytes + 1;
    if (this.usedBytes > this.limitBytes)
      throw new WorkerFailure(
        "LOG_FLOOD",
        `the worker sent more than ${this.limitBytes} bytes of log for one call`,
      );
  }

  /** A new call was sent: what is printed outside of calls is counted from here. */
  renew(): void {
    this.usedBytes = 0;
  }
}
