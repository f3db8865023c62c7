// Minutes without any executor: a hole was open, over 2 s old, and in the whole minute no executor was ready anywhere.

/** A hole must have been open for this long: no executor can be ready at once. */
const openForMs = 2_000;
const minuteMs = 60_000;

export class Minutes {
  /** How many spans begin less how many ended, by minute. */
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

  /** From now on the node has a ready executor, or has none. */
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
