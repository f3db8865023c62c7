// The calls in a worker, in the order in which they came, and which of them printed what.

import type { CallAttemptOrder } from "../../../wire/messages.js";
import type { RunEvents } from "../../runtimes/runtime.js";
import type { RunningLogs } from "../payloads/running-logs.js";
import type { PrintSource } from "../standby/parent-parts.js";
import type { Work } from "../work/work.js";
import { CallLog } from "./call-log.js";
import type { FirstStart } from "./first-start.js";
import { Seat } from "./seat.js";

export class Seats {
  private readonly seats = new Set<Seat>();
  /** What was printed while no call was there. */
  private log = new CallLog();

  constructor(
    private readonly logs: Pick<RunningLogs, "open" | "close">,
    private readonly first: FirstStart | undefined,
  ) {}

  get all(): readonly Seat[] {
    return [...this.seats];
  }

  get count(): number {
    return this.seats.size;
  }

  has(seat: Seat): boolean {
    return this.seats.has(seat);
  }

  add(work: Work, events: RunEvents, order: CallAttemptOrder): Seat {
    const seat = new Seat(work, events, order, this.log);
    this.log = new CallLog();
    this.seats.add(seat);
    this.logs.open(seat.key, () => seat.printed);
    return seat;
  }

  remove(seat: Seat): void {
    this.seats.delete(seat);
    this.logs.close(seat.key);
    seat.work.close();
  }

  /** Removes and returns all. */
  empty(): readonly Seat[] {
    const { all } = this;
    for (const seat of all) this.remove(seat);
    return all;
  }

  /**
   * What names no call that is there goes to the one that has been there for longest, or waits for
   * the next one. `source`: of the process itself.
   */
  print(printed: Buffer, callId: number | null, source: PrintSource | null = null): void {
    const bytes = source === null ? printed : (this.first?.newOf(printed, source) ?? printed);
    if (bytes.length === 0) return;
    const { all } = this;
    const named = callId === null ? undefined : all.find(({ work }) => work.id === callId);
    const seat = named ?? all[0];
    if (seat === undefined) this.log.add(bytes);
    else seat.print(bytes);
  }
}
