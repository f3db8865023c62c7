// Whether the kernel killed something of a worker for the memory limit of its group, also a process
// that its handler started.

import { closeSync, openSync, readSync } from "node:fs";
import { dirname, join } from "node:path";
import type { AttemptGroup } from "../../containment/containment.js";

/** cgroup v2 and v1. */
const names = ["memory.events", "memory.oom_control"];
/** Both files are shorter. */
const maxFileBytes = 1_024;

/** Each call reads the file, which stays open: opening it takes longer than reading it. */
export class MemoryKills {
  private readonly file: number | null;
  /** Another worker may have had the group before. */
  private readonly before: number;

  constructor({ joinFiles }: Pick<AttemptGroup, "joinFiles">) {
    const files = joinFiles.flatMap((file) => names.map((name) => join(dirname(file), name)));
    this.file = files.map(opened).find((file) => file !== null) ?? null;
    this.before = this.counted();
  }

  /** Since this was made. */
  get count(): number {
    return Math.max(0, this.counted() - this.before);
  }

  close(): void {
    if (this.file !== null) closeSync(this.file);
  }

  private counted(): number {
    if (this.file === null) return 0;
    const bytes = Buffer.allocUnsafe(maxFileBytes);
    try {
      const text = bytes.toString("latin1", 0, readSync(this.file, bytes, 0, maxFileBytes, 0));
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
    } catch {
      return 0; // the group is gone
    }
  }
}

function opened(file: string): number | null {
  try {
    return openSync(file, "r");
  } catch {
    return null;
  }
}
