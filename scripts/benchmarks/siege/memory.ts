// The most memory that gleanerd used, over all its runs.

import { readFileSync } from "node:fs";
import type { Site } from "../../site/site.js";

const sampleMs = 100;

/** Resident memory of each run of gleanerd, by the kernel's own high-water mark. */
export class Memory {
  maxMb = 0;
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly site: Site) {}

  start(): void {
    this.timer = setInterval(() => this.look(), sampleMs);
  }

  look(): void {
    let status: string;
    try {
      status = readFileSync(`/proc/${this.site.daemonPid}/status`, "utf8");
    } catch {
      return; // It has ended: others notice if it should not have.
    }
    const kb = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    this.maxMb = Math.max(this.maxMb, kb / 1_024);
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
  }
}
