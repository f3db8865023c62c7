// The leases that workers of this node serve: reports them to gleanerd, and passes on what it
// orders.

import { readFileSync } from "node:fs";
import { clearTimeout, monotonicMs, setTimeout, type Timer } from "../../../clock.js";
import { attemptName } from "../../../wire/attempt-key.js";
import type { LeaseCommand } from "../../../wire/calls.js";
import type { AttemptKey, CallAttemptOrder, ExecutorMessage } from "../../../wire/messages.js";
import type { WorkerFailure } from "../../../workers/worker-failure.js";
import { type Foreseen, LeaseRun } from "./lease-run.js";

/** gleanerd gets the usage of each worker at most once in this time, whatever the worker says. */
const usageEveryMs = 1_000;

interface Told {
  readonly run: LeaseRun;
  usageAtMs: number;
  timer: Timer | undefined;
}

/** Clients with the same one are on this machine, and share its abstract sockets. */
const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();

export class Leases {
  private readonly told = new Map<string, Told>();
  private foreseen: Foreseen | null = null;

  constructor(
    private readonly say: (message: ExecutorMessage, isAwaited?: boolean) => void,
    private readonly hostId: string = bootId(),
  ) {}

  /** `onLate`: the worker has to be killed. */
  open(
    order: CallAttemptOrder,
    lease: LeaseCommand,
    onLate: (failure: WorkerFailure) => void,
  ): LeaseRun {
    const run = new LeaseRun(order, lease, {
      onServing: (each) => this.sayServing(each),
      onUsage: (each) => this.used(each),
      onLate,
      onClosed: (each) => this.closed(each),
    });
    this.told.set(attemptName(run.key), { run, usageAtMs: -usageEveryMs, timer: undefined });
    run.foresee(this.foreseen);
    return run;
  }

  /** The daemon on this connection knows of none. */
  connected(): void {
    for (const { run } of this.told.values()) {
      if (run.at === null) continue;
      this.sayServing(run);
      this.sayUsage(run);
    }
  }

  /** One that is not here has ended. */
  extend(key: AttemptKey, inMs: number): void {
    this.told.get(attemptName(key))?.run.extend(inMs);
  }

  /** The node is expected to be needed in `inMs` milliseconds; null: it is not any more. */
  foresee(inMs: number | null, reason: string): void {
    this.foreseen = inMs === null ? null : { atMs: monotonicMs() + inMs, reason };
    for (const { run } of this.told.values()) run.foresee(this.foreseen);
  }

  private closed(run: LeaseRun): void {
    const text = attemptName(run.key);
    clearTimeout(this.told.get(text)?.timer);
    this.told.delete(text);
  }

  /** A client waits for it. */
  private sayServing({ key, at }: LeaseRun): void {
    this.say({ type: "serving", key, ...at!, hostId: this.hostId }, true);
  }

  private used(run: LeaseRun): void {
    const told = this.told.get(attemptName(run.key));
    if (told === undefined) return;
    const waitMs = Math.max(0, told.usageAtMs + usageEveryMs - monotonicMs());
    told.timer ??= setTimeout(() => {
      told.timer = undefined;
      told.usageAtMs = monotonicMs();
      this.sayUsage(run);
    }, waitMs);
  }

  private sayUsage({ key, clients, usage }: LeaseRun): void {
    this.say({ type: "leaseUsage", key, clients, ...usage });
  }
}
