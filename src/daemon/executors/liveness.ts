// Executors that are not heard: how long each is waited for, and whether its process is there meanwhile.

import { clearTimeout, pause, setTimeout, type Timer } from "../../clock.js";
import type { Launcher } from "../../core/ports/launcher.js";
import type { ExecutorId } from "../../model/ids.js";
import type { ExecutorRecord } from "../state/registry.js";

/** A connection ends an instant before its process does. */
const firstProbeMs = 50;
/** Over ssh a probe is a command on the node. */
const slowestProbeMs = 5_000;

export interface LivenessDependencies {
  readonly launcher: Pick<Launcher, "probe">;
  /** How long one without a connection is waited for. */
  readonly adoptMs: number;
  /** It was waited for long enough; `detail` is a sentence. */
  readonly late: (record: ExecutorRecord, detail: string) => void;
  /** Its process is no more; `end` left out: what its record says. */
  readonly gone: (record: ExecutorRecord, reason: string, end?: "EVICTED") => void;
}

export class Liveness {
  private readonly timers = new Map<ExecutorId, Timer>();
  private isOver = false;

  constructor(private readonly deps: LivenessDependencies) {}

  /** It has so long to be heard of. */
  expect(record: ExecutorRecord, withinMs: number): void {
    this.heard(record);
    const late = () =>
      this.deps.late(record, `nothing was heard of it for ${withinMs} ms${record.whyItWaits}`);
    this.timers.set(record.id, setTimeout(late, withinMs));
  }

  /** Its connection is lost, or was another daemon's. */
  lost(record: ExecutorRecord): void {
    this.expect(record, this.deps.adoptMs);
    void this.askAfter(record);
  }

  /** It was heard, or is waited for no more. */
  heard({ id }: ExecutorRecord): void {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
  }

  close(): void {
    this.isOver = true;
    for (const timer of this.timers.values()) clearTimeout(timer);
  }

  /** Ever less often, until it is gone, is back, or was waited for long enough. */
  private async askAfter(record: ExecutorRecord): Promise<void> {
    const { launcher, gone } = this.deps;
    const { node, address, id } = record;
    for (let waitMs = firstProbeMs; ; waitMs = Math.min(waitMs * 2, slowestProbeMs)) {
      const state = record.preemption ? "evicted" : await launcher.probe(node, address, id);
      if (record.line !== null || record.state === "gone" || this.isOver) return;
      if (state === "evicted") return gone(record, "Slurm took its pilot back", "EVICTED");
      if (state === "gone") return gone(record, "its process ended");
      await pause(waitMs);
    }
  }
}
