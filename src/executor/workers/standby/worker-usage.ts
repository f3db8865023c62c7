// What a worker has used since it began, as the kernel counts it.

import type { AttemptGroup } from "../../containment/containment.js";
import { MemoryPeak } from "../../node/memory-peak.js";
import { Usage } from "../../node/usage.js";
import type { WorkUsage } from "../../runtimes/runtime.js";
import { MemoryKills } from "./memory-kills.js";
import { cpuMsOfGroup } from "./process-end.js";

export class WorkerUsage {
  private readonly process: Usage;
  private readonly memoryKills: MemoryKills;
  private readonly memoryPeak: MemoryPeak;

  constructor(
    pid: number,
    private readonly group: AttemptGroup,
  ) {
    this.process = new Usage(pid);
    this.memoryKills = new MemoryKills(group);
    this.memoryPeak = new MemoryPeak(group.joinFiles);
  }

  /** A lease is long, and may leave children that nobody waits for. */
  cpuMs(isLease: boolean): number {
    const own = this.process.cpuMs;
    return isLease ? Math.max(own, cpuMsOfGroup(this.group)) : own;
  }

  all(isLease: boolean): Omit<WorkUsage, "startNs" | "endNs" | "shareMs"> {
    const { cpuMs, peakMb } = this.process.all;
    return {
      cpuMs: isLease ? this.cpuMs(true) : cpuMs,
      maxRssMb: this.peakMb(peakMb),
      ...this.memoryKills.found,
    };
  }

  /** What all its processes had together; the largest one had `processMb`. */
  peakMb(processMb: number): number {
    return this.memoryPeak.mb(processMb);
  }

  close(): void {
    this.process.close();
    this.memoryKills.close();
    this.memoryPeak.close();
  }
}
