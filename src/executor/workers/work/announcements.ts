// Tells gleanerd which workers are idle, once that has changed for a moment.

import { setTimeout, type Timer } from "../../../clock.js";
import type { WorkerKind } from "../../../model/call.js";
import type { WarmWorkers } from "../../../wire/calls.js";
import type { ExecutorMessage } from "../../../wire/messages.js";

/** A worker between two calls is soon busy again, which need not be told. */
const settleMs = 20;

/** Tells gleanerd: all idle workers after they changed, and what became of those started ahead. */
export type TellWorkers = (message: ExecutorMessage & { type: "warm" | "aheadEnded" }) => void;

interface Idle {
  /** That of its kind. */
  readonly key: string;
  readonly kind: WorkerKind;
}

export class Announcements {
  private timer: Timer | undefined;
  /** What was announced last on this connection, as text. */
  private announced = "";

  constructor(
    private readonly idle: () => readonly Idle[],
    private readonly tell: TellWorkers,
  ) {}

  /** The daemon on this connection knows of no worker yet. */
  connected(): void {
    this.announced = "";
    this.changed();
  }

  /** Called for each change; what changes back meanwhile causes no message. */
  changed(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      const idle = countedByKind(this.idle());
      const text = JSON.stringify(idle);
      if (text === this.announced) return;
      this.announced = text;
      this.tell({ type: "warm", workers: idle });
    }, settleMs);
  }
}

function countedByKind(idle: readonly Idle[]): readonly WarmWorkers[] {
  const counts = new Map<string, WarmWorkers>();
  for (const { key, kind } of idle)
    counts.set(key, { ...kind, count: (counts.get(key)?.count ?? 0) + 1 });
  return [...counts.values()];
}
