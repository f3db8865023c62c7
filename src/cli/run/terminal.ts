// The user's terminal while a task has one of its own: raw, so that every key goes there, and as it
// was before once the run ends.

import type { RunStart } from "../../sdk/run/session.js";

export class Terminal {
  private isRaw = false;

  /** Its size and kind, for the one on the node. */
  describe(): NonNullable<RunStart["pty"]> {
    const { rows, columns } = this.size;
    return { rows, columns, term: (process.env.TERM ?? "").slice(0, 64) };
  }

  get size(): { readonly rows: number; readonly columns: number } {
    const { rows = 24, columns = 80 } = process.stdout;
    return { rows, columns };
  }

  /** Node learns the new size before it calls; a listener for SIGWINCH may find the old one. */
  onResize(listener: () => void): void {
    process.stdout.on("resize", listener);
  }

  enter(): void {
    if (!process.stdin.isTTY || this.isRaw) return;
    process.stdin.setRawMode(true);
    this.isRaw = true;
  }

  /** May be called at any time, and more than once. */
  leave(): void {
    if (this.isRaw) process.stdin.setRawMode(false);
    this.isRaw = false;
  }

  /** A raw terminal does not return to the left by itself. */
  get lineEnd(): string {
    return this.isRaw ? "\r\n" : "\n";
  }
}
