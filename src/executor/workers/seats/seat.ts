// A call or a lease in a worker, beside others or alone: what it does, what it printed, and what is
// measured of it.

import type { AttemptKey } from "../../../wire/messages.js";
import type { RunEvents } from "../../runtimes/runtime.js";
import type { Work } from "../work/work.js";
import type { CallLog } from "./call-log.js";
import { type Metered, unmetered } from "./worker-meter.js";

export class Seat {
  /** It was sent to the worker. */
  hasBegun = false;
  readonly metered: Metered;

  /** `log`: what was printed before it came. */
  constructor(
    readonly work: Work,
    readonly events: RunEvents,
    private readonly order: AttemptKey,
    private readonly log: CallLog,
  ) {
    this.metered = unmetered(work.isLease);
  }

  get key(): AttemptKey {
    const { invocation, attempt } = this.order;
    return { invocation, attempt };
  }

  /** What it has printed so far; null if nothing. */
  get printed(): Uint8Array | null {
    return this.log.take();
  }

  /** For people. */
  get name(): string {
    return `call ${this.order.invocation}`;
  }

  print(bytes: Buffer): void {
    this.log.add(bytes);
  }
}
