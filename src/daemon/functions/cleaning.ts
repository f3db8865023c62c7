// Removes at intervals what functions have left: versions that nobody can name or uses, contents
// that nothing refers to, files without a record.

import type { Logger } from "pino";
import { nowMs, pause } from "../../clock.js";
import type { Store } from "../../core/ports/store.js";
import { messageOf } from "../../model/errors.js";
import type { VersionId } from "../../model/ids.js";
import type { Blobs } from "./blobs.js";

/** The start is busy enough without it. */
const firstAfterMs = 60_000;
const everyMs = 600_000;
const rowsAtOnce = 100;
/** The pause between two steps, so that they take a small share of the store's time. */
const breatheMs = 50;

export class Cleaning {
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;
  private hasSwept = false;

  constructor(
    private readonly blobs: Pick<Blobs, "removeUnused" | "removeUnrecorded">,
    private readonly store: Pick<Store, "pruneFunctions">,
    /** The versions that calls wait for or run. */
    private readonly versionsInUse: () => readonly VersionId[],
    private readonly keepUnusedMs: number,
    private readonly log: Logger,
  ) {}

  start(afterMs = firstAfterMs): void {
    this.timer = setTimeout(() => {
      this.running = this.run().finally(() => {
        if (!this.stopped) this.start(everyMs);
      });
    }, afterMs);
    this.timer.unref();
  }

  /** Resolves once it no longer uses the store. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.running;
  }

  /** One round; after an error, the next round tries again. */
  async run(): Promise<void> {
    try {
      const beforeMs = nowMs() - this.keepUnusedMs;
      const inUse = this.versionsInUse();
      const versions = await this.all(() => this.store.pruneFunctions(beforeMs, inUse, rowsAtOnce));
      const contents = await this.all(() => this.blobs.removeUnused());
      // Only a daemon that died leaves such files.
      const files = this.hasSwept || this.stopped ? 0 : await this.blobs.removeUnrecorded();
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
    for (let done = -1; done !== 0 && !this.stopped; sum += done) {
      done = await step();
      if (done > 0) await pause(breatheMs);
    }
    return sum;
  }
}
