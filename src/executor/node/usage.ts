// What a worker has used so far, as the kernel counts it: calls are measured from outside.

import { closeSync, openSync, readFileSync, readSync } from "node:fs";

/** USER_HZ is 100 on every architecture that Linux supports with Node. */
const msPerTick = 10;
const userTimeField = 11;
/** Both files are shorter. */
const maxFileBytes = 4_096;

/** Reads two files of one process, which stay open: opening them takes longer than a short call. */
export class Usage {
  private readonly files: { readonly stat: number | null; readonly status: number | null };
  private readonly bytes = Buffer.allocUnsafe(maxFileBytes);

  constructor(pid: number) {
    this.files = { stat: opened(pid, "stat"), status: opened(pid, "status") };
  }

  /** The time of all its threads and of the children that it waited for; 0 if it has ended. */
  get cpuMs(): number {
    const stat = this.read("stat");
    // The name may contain anything, also a closing parenthesis.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = fields.slice(userTimeField, userTimeField + 4).map(Number);
    return ticks.reduce((sum, each) => sum + each, 0) * msPerTick;
  }

  /** The most memory that the process has had at once; 0 if it has ended. */
  get peakMb(): number {
    return peakIn(this.read("status"));
  }

  close(): void {
    for (const file of [this.files.stat, this.files.status]) if (file !== null) closeSync(file);
  }

  private read(name: "stat" | "status"): string {
    const file = this.files[name];
    if (file === null) return "";
    try {
      return this.bytes.toString("latin1", 0, readSync(file, this.bytes, 0, maxFileBytes, 0));
    } catch {
      return "";
    }
  }
}

function opened(pid: number, name: string): number | null {
  try {
    return openSync(`/proc/${pid}/${name}`, "r");
  } catch {
    return null;
  }
}

/** As Usage.peakMb, of a process that is read once. */
export function peakMbOf(pid: number): number {
  try {
    return peakIn(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return 0;
  }
}

function peakIn(status: string): number {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status);
  return peak === null ? 0 : Math.ceil(Number(peak[1]) / 1_024);
}
