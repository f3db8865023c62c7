// Writes contents to the disk while others wait for something else, until each is there.

import type { Logger } from "pino";
import { pause } from "../../clock.js";
import { FairSemaphore } from "../../limits/fair-semaphore.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import { GleanerError, messageOf } from "../../model/errors.js";

/**
 * A disk takes about as long for several at once as for one; gleanerd has as many more threads for
 * files of those who wait.
 */
const maxAtOnce = 4;
/** A full disk is not repaired sooner. */
const retryMs = 1_000;

/** A content is not on disk: the last try to write it failed. */
export class UnkeptError extends GleanerError {
  constructor(cause: unknown) {
    super("STORE", `gleanerd cannot write a content to its disk: ${messageOf(cause)}`, { cause });
  }
}

/** A content on its way to the disk. */
export class Keep {
  /** Resolves once it is there, whenever that succeeds. */
  readonly surely: Promise<void>;
  private failure: UnkeptError | null = null;
  private waiting: ((failure: UnkeptError) => void)[] = [];

  /** `write` tries until it succeeds, and tells each failure. */
  constructor(write: (failed: (cause: unknown) => void) => Promise<void>) {
    this.surely = write((cause) => this.failed(cause));
  }

  /** As surely, but rejects with UnkeptError if a try fails, or the last one has. */
  orFailed(): Promise<void> {
    const failed = new Promise<never>((_, reject) => {
      if (this.failure === null) this.waiting.push(reject);
      else reject(this.failure);
    });
    return Promise.race([this.surely, failed]);
  }

  private failed(cause: unknown): void {
    this.failure = new UnkeptError(cause);
    for (const reject of this.waiting.splice(0)) reject(this.failure);
  }
}

export class Keeping {
  private readonly turns = new FairSemaphore(maxAtOnce);
  private readonly failures = new LogRateLimit();

  constructor(private readonly log: Logger) {}

  /** Users have their turn one after the other. */
  begin(uid: number, put: () => Promise<void>): Keep {
    return new Keep(async (failed) => {
      while (!(await this.isPut(uid, put, failed))) await pause(retryMs);
    });
  }

  private async isPut(
    uid: number,
    put: () => Promise<void>,
    failed: (cause: unknown) => void,
  ): Promise<boolean> {
    try {
      await this.turns.run(uid, 1, put);
      return true;
    } catch (cause) {
      this.failures.say((suppressed) =>
        this.log.error(
          { cause: messageOf(cause), suppressed },
          "cannot keep a content: it stays in memory until there is room",
        ),
      );
      failed(cause);
      return false;
    }
  }
}
