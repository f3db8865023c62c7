// What a worker has used since it began, as the kernel counts it.

import type { AttemptGroup } from "../../containment/containment.js";
import { Usage } from "../../node/usage.js";
import { MemoryKills } from "./memory-kills.js";
import { cpuMsOfGroup, peakMbOfGroup } from "./process-end.js";

export class WorkerUsage {
  private readonly process: Usage;
  private readonly memoryKills: MemoryKills;

  constructor(
    pid: number,
    private readonly group: AttemptGroup,
  ) {
    this.process = new Usage(pid);
    this.memoryKills = new MemoryKills(group);
  }

  /** A lease is long, and may leave children that nobody waits for. */
  cpuMs(isLease: boolean): number {
    const own = this.process.cpuMs;
    return isLease ? Math.max(own, cpuMsOfGroup(this.group)) : own;
  }

  all(isLease: boolean): { cpuMs: number; maxRssMb: number; oomKills: number } {
    const { cpuMs, peakMb } = this.process.all;
    const oomKills = this.memoryKills.count;
    return {
      cpuMs: isLease ? this.cpuMs(true) : cpuMs,
      // What was killed may have been a process of its own.
      maxRssMb: oomKills === 0 ? peakMb : Math.max(peakMb, peakMbOfGroup(this.group)),
      oomKills,
    };
  }

  close(): void {
    this.process.close();
    this.memoryKills.close();
  }
}
