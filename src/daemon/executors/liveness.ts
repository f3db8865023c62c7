// Waits for executors that are disconnected, and probes their processes meanwhile.

import { clearTimeout, pause, setTimeout, type Timer } from "../../clock.js";
import type { Launcher } from "../../core/ports/launcher.js";
import type { ExecutorId } from "../../model/ids.js";
import type { ExecutorRecord } from "../state/executor-record.js";

/** A connection ends an instant before its process does. */
const firstProbeMs = 50;
/** Over ssh, a probe is a command on the node. */
const slowestProbeMs = 5_000;

export interface LivenessDependencies {
  readonly launcher: Pick<Launcher, "probe">;
  /** How long gleanerd waits for a disconnected executor. */
  readonly adoptMs: number;
  /** The wait timed out; `detail` is a sentence. */
  readonly late: (record: ExecutorRecord, detail: string) => void;
  /** Its process is gone; if `end` is omitted, its record decides. */
  readonly gone: (record: ExecutorRecord, reason: string, end?: "EVICTED") => void;
}

export class Liveness {
  private readonly timers = new Map<ExecutorId, Timer>();
  private isOver = false;

  constructor(private readonly deps: LivenessDependencies) {}

  /** Starts the time within which it must connect. */
  expect(record: ExecutorRecord, withinMs: number): void {
    this.heard(record);
    const late = () =>
      this.deps.late(record, `it did not connect within ${withinMs} ms: ${record.whyItWaits}`);
    this.timers.set(record.id, setTimeout(late, withinMs));
  }

  /** Its connection is lost, or belonged to an earlier daemon. */
  lost(record: ExecutorRecord): void {
    this.expect(record, this.deps.adoptMs);
    void this.askAfter(record);
  }

  /** It connected, or gleanerd waits for it no longer. */
  heard({ id }: ExecutorRecord): void {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
  }

  close(): void {
    this.isOver = true;
    for (const timer of this.timers.values()) clearTimeout(timer);
  }

  /** Probes with exponential backoff until the executor reconnects, exits or times out. */
  private async askAfter(record: ExecutorRecord): Promise<void> {
    const { launcher, gone } = this.deps;
    const { node, address, id } = record;
    for (let waitMs = firstProbeMs; ; waitMs = Math.min(waitMs * 2, slowestProbeMs)) {
      const state = record.preemption ? "evicted" : await launcher.probe(node, address, id);
      if (record.line !== null || record.state === "gone" || this.isOver) return;
      if (state === "evicted") return gone(record, "Slurm preempted its pilot", "EVICTED");
      if (state === "gone") return gone(record, "its process exited");
      await pause(waitMs);
    }
  }
}
