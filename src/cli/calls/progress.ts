// The progress of a map: one line on standard error that is written over, if it is a terminal.

import { monotonicMs } from "../../clock.js";

const everyMs = 100;

export class MapProgress {
  done = 0;
  failed = 0;
  private shownMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly total: number | null,
    private readonly terminal: Pick<NodeJS.WriteStream, "isTTY" | "write"> = process.stderr,
  ) {}

  ended(ok: boolean): void {
    this.done++;
    if (!ok) this.failed++;
    const now = monotonicMs();
    if (!this.terminal.isTTY || now - this.shownMs < everyMs) return;
    this.shownMs = now;
    const of = this.total === null ? "" : ` of ${this.total}`;
    const failures = this.failed === 0 ? "" : `, ${this.failed} failed`;
    this.terminal.write(`\r\u001b[K${this.done}${of} done${failures}`);
  }

  clear(): void {
    if (this.terminal.isTTY && this.done > 0) this.terminal.write("\r\u001b[K");
  }
}
