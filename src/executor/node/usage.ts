// What a worker has used so far, as the kernel counts it: calls are measured from outside.

import { closeSync, openSync, readFileSync, readSync } from "node:fs";

/** USER_HZ is 100 on every architecture that Linux supports with Node. */
const msPerTick = 10;
const userTimeField = 11;
const minorFaultsField = 7;
const majorFaultsField = 9;
/** Both files are shorter. */
const maxFileBytes = 4_096;

/** Reads two files of one process, which stay open: opening them takes longer than a short call. */
export class Usage {
  private readonly files: { readonly stat: number | null; readonly status: number | null };
  private readonly bytes = Buffer.allocUnsafe(maxFileBytes);
  private peak: { readonly faults: string; readonly mb: number } = { faults: "", mb: 0 };

  constructor(pid: number) {
    this.files = { stat: opened(pid, "stat"), status: opened(pid, "status") };
  }

  /** The time of all its threads and of the children that it waited for; 0 if it has ended. */
  get cpuMs(): number {
    return cpuMsIn(this.fields());
  }

  /**
   * Also the most memory that the process has had at once; both 0 if it has ended. Memory grows by
   * page faults only, and most short calls have none.
   */
  get all(): { readonly cpuMs: number; readonly peakMb: number } {
    const fields = this.fields();
    const faults = `${fields[minorFaultsField]} ${fields[majorFaultsField]}`;
    if (faults !== this.peak.faults) this.peak = { faults, mb: peakIn(this.read("status")) };
    return { cpuMs: cpuMsIn(fields), peakMb: this.peak.mb };
  }

  private fields(): readonly string[] {
    const stat = this.read("stat");
    // The name may contain anything, also a closing parenthesis.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
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

const cpuMsIn = (fields: readonly string[]): number =>
  fields.slice(userTimeField, userTimeField + 4).reduce((sum, ticks) => sum + Number(ticks), 0) *
  msPerTick;

function opened(pid: number, name: string): number | null {
  try {
    return openSync(`/proc/${pid}/${name}`, "r");
  } catch {
    return null;
  }
}

/** The peak of a process that is read once. */
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
