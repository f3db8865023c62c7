// Writes contents to the disk while others wait for something else, until each is there.

import type { Logger } from "pino";
import { pause } from "../../clock.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import { Semaphore } from "../../limits/semaphore.js";
import { messageOf } from "../../model/errors.js";

/**
 * A disk takes about as long for several at once as for one; gleanerd has as many more threads for
 * files of those who wait.
 */
const maxAtOnce = 4;
/** A full disk is not repaired sooner. */
const retryMs = 1_000;

export class Keeping {
  private readonly turns = new Semaphore(maxAtOnce);
  private readonly failures = new LogRateLimit();

  constructor(private readonly log: Logger) {}

  /** Resolves once `put` has succeeded. */
  async surely(put: () => Promise<void>): Promise<void> {
    const failed = (cause: unknown) =>
      this.failures.say((suppressed) =>
        this.log.error(
          { cause: messageOf(cause), suppressed },
          "cannot keep a content: it stays in memory until there is room",
        ),
      );
    while (!(await this.turns.run(put).then(() => true, failed))) await pause(retryMs);
  }
}
