// Minutes without any executor: a hole was open for over 2 s, and no executor was ready anywhere in
// the whole minute.

/** How long a hole must have been open: no executor can be ready at once. */
const openForMs = 2_000;
const minuteMs = 60_000;

export class Minutes {
  /** The number of spans that begin, less those that end, per minute. */
  private readonly open: Int32Array;
  private readonly ready: Int32Array;
  private readonly heldSinceMs = new Map<number, number>();

  constructor(
    private readonly fromMs: number,
    toMs: number,
  ) {
    const minutes = Math.ceil((toMs - fromMs) / minuteMs) + 1;
    this.open = new Int32Array(minutes + 1);
    this.ready = new Int32Array(minutes + 1);
  }

  /** A hole was open during [fromMs, toMs). */
  hole(fromMs: number, toMs: number): void {
    this.mark(this.open, fromMs + openForMs, toMs);
  }

  /** The node has a ready executor from now on, or has none. */
  held(node: number, nowMs: number, isHeld: boolean): void {
    const sinceMs = this.heldSinceMs.get(node);
    if (isHeld) {
      if (sinceMs === undefined) this.heldSinceMs.set(node, nowMs);
    } else if (sinceMs !== undefined) {
      this.mark(this.ready, sinceMs, nowMs);
      this.heldSinceMs.delete(node);
    }
  }

  withoutExecutor(): number {
    let open = 0;
    let ready = 0;
    let count = 0;
    for (const [minute, change] of this.open.entries()) {
      open += change;
      ready += this.ready[minute]!;
      if (open > 0 && ready === 0) count++;
    }
    return count;
  }

  private mark(minutes: Int32Array, fromMs: number, toMs: number): void {
    if (toMs <= fromMs) return;
    minutes[Math.floor((fromMs - this.fromMs) / minuteMs)]! += 1;
    minutes[Math.floor((toMs - 1 - this.fromMs) / minuteMs) + 1]! -= 1;
  }
}
