// Spares a process the kernel's wait when it is moved into a cgroup, if the move is known some
// milliseconds before: the kernel waits for all processors before it moves a process, unless it has
// just moved another one.

import { clearTimeout, pause, setTimeout } from "../../../clock.js";

/** With 10 ms, one move in ten waits. Each takes 20 µs of the kernel. */
const everyMs = 5;
/** What takes longer to begin than that does not notice the wait. */
const limitMs = 1_000;

export class MoveWindow {
  private expected = 0;
  private isRehearsing = false;

  /** `rehearse` makes a move that changes nothing. */
  constructor(private readonly rehearse: () => Promise<void>) {}

  /** A move will follow; what this returns is to be called after it. */
  open(): () => void {
    let isOpen = true;
    const close = () => {
      if (isOpen) this.expected--;
      isOpen = false;
      clearTimeout(timer);
    };
    const timer = setTimeout(close, limitMs);
    timer.unref();
    this.expected++;
    if (!this.isRehearsing) void this.keepOpen();
    return close;
  }

  private async keepOpen(): Promise<void> {
    this.isRehearsing = true;
    try {
      while (this.expected > 0) {
        await this.rehearse();
        await pause(everyMs);
      }
      this.isRehearsing = false;
    } catch {
      // It would be refused again: from here on moves wait.
    }
  }
}
