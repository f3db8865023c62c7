// Virtual time: one queue of events for all machines and processes of the simulated world, each
// with its own clocks.

import FlatQueue from "flatqueue";
import type { Time, Timer } from "../../src/clock.js";

/** Events at the same microsecond happen in the order in which they were planned. */
const orders = 2 ** 20;

/** A process of the simulated world; what it planned dies with it. */
export class Process {
  isAlive = true;
  /**
   * Until then it does nothing, and what arrives for it waits: it is stopped, swapped out, or
   * without a processor.
   */
  frozenUntilUs = 0;
  /** A fault to come: it dies at its so-manieth effect from now, just before or just after it. */
  doom: { effects: number; readonly isBefore: boolean } | null = null;
  readonly startedUs: number;
  private readonly onDeath: (() => void)[] = [];

  /**
   * `wallMs` is what its machine's wall clock shows; `bootedUs` is how long its machine was up when
   * the world began.
   */
  constructor(
    readonly name: string,
    private readonly timeline: Timeline,
    private readonly wallMs: number,
    private readonly bootedUs: number,
  ) {
    this.startedUs = timeline.nowUs;
  }

  die(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    for (const each of this.onDeath) each();
  }

  /** Does something that outlives the process: writes, sends, asks. */
  act(effect: () => void): void {
    if (!this.isAlive) return;
    const { doom } = this;
    const isLast = doom !== null && --doom.effects <= 0;
    if (!(isLast && doom.isBefore)) effect();
    if (isLast) this.die();
  }

  whenDead(told: () => void): void {
    this.onDeath.push(told);
  }

  get nowMs(): number {
    return Math.floor(this.wallMs + (this.timeline.nowUs - this.startedUs) / 1_000);
  }

  get monotonicMs(): number {
    return Math.floor((this.timeline.nowUs - this.startedUs) / 1_000);
  }

  get machineNs(): bigint {
    return BigInt(this.bootedUs + this.timeline.nowUs) * 1_000n;
  }
}

class Event implements Timer {
  isCancelled = false;
  constructor(
    readonly process: Process | null,
    readonly happen: () => void,
    readonly order: number,
  ) {}
  unref(): this {
    return this;
  }
}

export class Timeline implements Time {
  nowUs = 0;
  /** Whose turn it is; null: the world's. */
  current: Process | null = null;
  happened = 0;
  private planned = 0;
  private readonly queue = new FlatQueue<Event>();

  /** `broke`: something that should never throw has thrown. */
  constructor(private readonly broke: (thrown: unknown) => void) {}

  /** Plans what happens in `process` (null: outside of all) that much later. */
  after(delayMs: number, process: Process | null, happen: () => void): Timer {
    const event = new Event(process, happen, this.planned++ % orders);
    this.push(event, this.nowUs + Math.round(delayMs * 1_000));
    return event;
  }

  private push(event: Event, atUs: number): void {
    this.queue.push(event, atUs * orders + event.order);
  }

  /** Lets everything happen that is due within `forMs`. */
  async run(forMs: number): Promise<void> {
    const untilUs = this.nowUs + Math.round(forMs * 1_000);
    for (;;) {
      const next = this.queue.peekValue();
      if (next === undefined || next >= (untilUs + 1) * orders) break;
      const event = this.queue.pop()!;
      this.nowUs = Math.floor(next / orders);
      const { process } = event;
      if (event.isCancelled || process?.isAlive === false) continue;
      if (process !== null && process.frozenUntilUs > this.nowUs) {
        this.push(event, process.frozenUntilUs);
        continue;
      }
      this.happened++;
      this.current = process;
      try {
        event.happen();
      } catch (thrown) {
        this.broke(thrown);
      }
      // The world's own events settle no promise.
      if (process !== null) await settled();
      this.current = null;
    }
    this.nowUs = untilUs;
  }

  private get process(): Process {
    if (this.current === null) throw new Error("outside of every process there is no clock");
    return this.current;
  }

  monotonicMs(): number {
    return this.process.monotonicMs;
  }

  nowMs(): number {
    return this.process.nowMs;
  }

  machineMonotonicNs(): bigint {
    return this.process.machineNs;
  }

  setTimeout(callback: () => void, delayMs: number): Timer {
    return this.after(Math.max(1, delayMs), this.process, callback);
  }

  clearTimeout(timer: Timer): void {
    (timer as Event).isCancelled = true;
  }

  /** Time passes from event to event alone. */
  standStill(): boolean {
    return false;
  }

  setImmediate(callback: () => void): void {
    this.after(0, this.process, callback);
  }
}

/** Node runs ticks when no promise is left to go on with. */
const settled = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
