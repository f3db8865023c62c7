// Whether the kernel killed something of a worker because memory was short, also a process that its
// handler started; and whether that was for the limit of its group, or the node had none left.

import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { dirname, join } from "node:path";
import type { AttemptGroup } from "../../containment/containment.js";
import type { WorkUsage } from "../../runtimes/runtime.js";

/** cgroup v2 and v1. */
const names = ["memory.events", "memory.oom_control"];
/** What may have been asked for at the limit: a large page. */
const largePageBytes = 2 * 1_024 * 1_024;
/** Both files are shorter. */
const maxFileBytes = 1_024;

/** Each call reads the file, which stays open: opening it takes longer than reading it. */
export class MemoryKills {
  private readonly file: number | null;
  private readonly folders: readonly string[];
  /** Another worker may have had the group before. */
  private readonly before: string;

  constructor({ joinFiles }: Pick<AttemptGroup, "joinFiles">) {
    this.folders = joinFiles.map((file) => dirname(file));
    const files = this.folders.flatMap((folder) => names.map((name) => join(folder, name)));
    this.file = files.map(opened).find((file) => file !== null) ?? null;
    this.before = this.read();
  }

  /** Since this was made. */
  get found(): Pick<WorkUsage, "oomKills" | "nodeWasFull"> {
    const now = this.read();
    const oomKills = Math.max(0, numberOf(now, "oom_kill") - numberOf(this.before, "oom_kill"));
    if (oomKills === 0 || this.wasAtLimit(now)) return { oomKills };
    return { oomKills, nodeWasFull: true };
  }

  close(): void {
    if (this.file !== null) closeSync(this.file);
  }

  /** Version 1 counts no shortages, but has the peaks, which are reset for each worker. */
  private wasAtLimit(now: string): boolean {
    if (/^oom /m.test(now)) return numberOf(now, "oom") > numberOf(this.before, "oom");
    return this.folders.every(
      (folder) =>
        (roomBytes(folder, "memory") ?? 0) <= largePageBytes ||
        // What was swapped out is not in the peak of the memory alone.
        (roomBytes(folder, "memory.memsw") ?? Number.POSITIVE_INFINITY) <= largePageBytes,
    );
  }

  private read(): string {
    if (this.file === null) return "";
    const bytes = Buffer.allocUnsafe(maxFileBytes);
    try {
      return bytes.toString("latin1", 0, readSync(this.file, bytes, 0, maxFileBytes, 0));
    } catch {
      return ""; // the group is gone
    }
  }
}

const numberOf = (text: string, key: string): number =>
  Number(new RegExp(`^${key} (\\d+)$`, "m").exec(text)?.[1] ?? 0);

/** What was left below the limit at the peak; null if the folder has no such limit. */
function roomBytes(folder: string, of: "memory" | "memory.memsw"): number | null {
  const peak = readNumber(join(folder, `${of}.max_usage_in_bytes`));
  const limit = readNumber(join(folder, `${of}.limit_in_bytes`));
  return peak === null || limit === null ? null : limit - peak;
}

/** null in the hierarchies that do not limit memory. */
function readNumber(file: string): number | null {
  try {
    return Number(readFileSync(file, "latin1"));
  } catch {
    return null;
  }
}

function opened(file: string): number | null {
  try {
    return openSync(file, "r");
  } catch {
    return null;
  }
}
