// Measures what each call in a worker uses, from outside: the time for which it holds the worker's
// cores and its processor time, of which calls that run together have equal parts.

import { machineMonotonicNs } from "../../../clock.js";
import type { AttemptGroup } from "../../containment/containment.js";
import type { WorkUsage } from "../../runtimes/runtime.js";
import { WorkerUsage } from "../standby/worker-usage.js";
import { EqualParts, type Stay } from "./equal-parts.js";

/** What is measured of one call. */
export interface Metered {
  /** Its processor time is that of all processes of its worker. */
  readonly isLease: boolean;
  /** From when it holds the worker's cores; null until the worker has a process. */
  startNs: bigint | null;
  time: Stay | null;
  cpu: Stay | null;
}

export const unmetered = (isLease: boolean): Metered => ({
  isLease,
  startNs: null,
  time: null,
  cpu: null,
});

/** What a worker uses within this time between two calls is neither's, and hardly measurable. */
const sameNs = 1_000_000n;

const unused = { cpuMs: 0, maxRssMb: 0, oomKills: 0 };

export class WorkerMeter {
  private readonly time = new EqualParts();
  private readonly cpu = new EqualParts();
  private readonly zeroNs = machineMonotonicNs();
  private usage: WorkerUsage | null = null;
  /** What was read last; null for a lease. */
  private lastRead: { readonly atNs: bigint; readonly cpuMs: number } | null = null;

  constructor(private readonly group: AttemptGroup) {}

  /** Its process is there. */
  started(pid: number): void {
    this.usage ??= new WorkerUsage(pid, this.group);
  }

  /** The worker starts for it: what the process uses until then is its own, too. */
  starts(call: Metered): void {
    call.cpu = this.cpu.enter(0);
  }

  holds(call: Metered): void {
    if (call.startNs !== null) return;
    call.startNs = machineMonotonicNs();
    call.time = this.time.enter(this.msAt(call.startNs));
  }

  /** It was sent to the worker. */
  begins(call: Metered): void {
    const cpuMs = this.cpuMsOf(call);
    if (call.cpu !== null) this.cpu.leave(call.cpu, cpuMs);
    call.cpu = this.cpu.enter(cpuMs);
  }

  /** It ended, and the worker lives on. */
  leaves(call: Metered): WorkUsage {
    const endNs = machineMonotonicNs();
    const used = this.usage?.all(call.isLease) ?? unused;
    this.lastRead = call.isLease ? null : { atNs: endNs, cpuMs: used.cpuMs };
    return this.usedBy(call, { startNs: endNs, endNs, ...used });
  }

  /** The one before it may have ended this very moment, which was read then. */
  private cpuMsOf({ isLease }: Metered): number {
    const last = isLease ? null : this.lastRead;
    if (last !== null && machineMonotonicNs() - last.atNs < sameNs) return last.cpuMs;
    return this.usage?.cpuMs(isLease) ?? 0;
  }

  /** It ended with the worker's process, of which `last` was measured. */
  usedBy(call: Metered, last: WorkUsage): WorkUsage {
    const startNs = call.startNs ?? last.startNs;
    const time = call.time === null ? null : this.time.leave(call.time, this.msAt(last.endNs));
    const cpu = call.cpu === null ? null : this.cpu.leave(call.cpu, last.cpuMs);
    const cpuMs = Math.max(0, Math.round(cpu?.part ?? 0));
    const maxRssMb = this.usage?.peakMb(last.maxRssMb) ?? last.maxRssMb;
    const used = { ...last, startNs, cpuMs, maxRssMb };
    return time?.shared ? { ...used, shareMs: Math.max(0, Math.floor(time.part)) } : used;
  }

  /** Its processes stand still: that is nobody's time. */
  stop(): void {
    this.time.stop(this.msAt(machineMonotonicNs()));
  }

  resume(): void {
    this.time.resume(this.msAt(machineMonotonicNs()));
  }

  close(): void {
    this.usage?.close();
    this.usage = null;
  }

  private msAt(ns: bigint): number {
    return Number(ns - this.zeroNs) / 1e6;
  }
}
