// Removes at intervals what functions have left: versions that nobody can name or uses, contents
// that nothing refers to, files without a record.

import type { Logger } from "pino";
import { nowMs, pause } from "../../clock.js";
import type { Store } from "../../core/ports/store.js";
import { messageOf } from "../../model/errors.js";
import type { VersionId } from "../../model/ids.js";
import { Rounds } from "../records/rounds.js";
import type { Blobs } from "./blobs.js";

const everyMs = 600_000;
const rowsAtOnce = 100;
/** The pause between two steps, so that they take a small share of the store's time. */
const breatheMs = 50;

export class Cleaning extends Rounds {
  private hasSwept = false;

  constructor(
    private readonly blobs: Pick<Blobs, "removeUnused" | "removeUnrecorded">,
    private readonly store: Pick<Store, "pruneFunctions">,
    /** The versions that calls wait for or run. */
    private readonly versionsInUse: () => readonly VersionId[],
    private readonly keepUnusedMs: number,
    private readonly log: Logger,
  ) {
    super(everyMs);
  }

  /** One round; after an error, the next round tries again. */
  protected async work(): Promise<void> {
    try {
      const beforeMs = nowMs() - this.keepUnusedMs;
      const inUse = this.versionsInUse();
      const versions = await this.all(() => this.store.pruneFunctions(beforeMs, inUse, rowsAtOnce));
      const contents = await this.all(() => this.blobs.removeUnused());
      // Only a daemon that died leaves such files.
      const files = this.hasSwept || this.isStopped ? 0 : await this.blobs.removeUnrecorded();
      this.hasSwept = true;
      if (versions + contents + files > 0)
        this.log.info({ versions, contents, files }, "removed what no function needs");
    } catch (cause) {
      this.log.error({ cause: messageOf(cause) }, "cannot remove what no function needs");
    }
  }

  /** Repeats a step until it has nothing left to do. */
  private async all(step: () => Promise<number>): Promise<number> {
    let sum = 0;
    for (let done = -1; done !== 0 && !this.isStopped; sum += done) {
      done = await step();
      if (done > 0) await pause(breatheMs);
    }
    return sum;
  }
}
