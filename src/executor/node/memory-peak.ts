// The most memory that all processes of an attempt or a worker had at once, as the kernel counts it
// for their group.

import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";

interface Counter {
  readonly peak: string;
  /** What memory.stat calls files that are in the kernel's cache, and those of them in a tmpfs. */
  readonly cached: RegExp;
  readonly shared: RegExp;
}

const counters: readonly Counter[] = [
  { peak: "memory.peak", cached: /^file (\d+)$/m, shared: /^shmem (\d+)$/m },
  {
    peak: "memory.max_usage_in_bytes",
    cached: /^total_cache (\d+)$/m,
    shared: /^total_shmem (\d+)$/m,
  },
];
const maxNumberBytes = 32;
const bytesPerMb = 1_024 * 1_024;

interface Found {
  readonly directory: string;
  readonly counter: Counter;
  /** Stays open: opening it takes longer than a short call. */
  readonly file: number;
}

export class MemoryPeak {
  /** null if the node does not count memory. */
  private readonly found: Found | null;
  /** What an attempt that had the group before has left, where it cannot be reset. */
  private readonly beforeBytes: number;
  private last = { peakBytes: 0, mb: 0 };

  /** `joinFiles`: those of the group. */
  constructor(joinFiles: readonly string[]) {
    this.found = foundIn(joinFiles.map(dirname));
    this.beforeBytes = this.found === null || isReset(this.found.file) ? 0 : this.peakBytes();
    if (this.found !== null) resetWithSwap(this.found.directory);
  }

  /**
   * Since this was made. The kernel counts files that it keeps in its cache, which it would give up
   * for a process: without those that are left. At least `processMb`, the largest process.
   */
  mb(processMb: number): number {
    const peakBytes = this.peakBytes();
    if (this.found === null || peakBytes <= this.beforeBytes) return processMb;
    // Most short calls do not raise it, and the file with the cache takes longest to read.
    if (peakBytes !== this.last.peakBytes)
      this.last = { peakBytes, mb: Math.ceil((peakBytes - cachedBytes(this.found)) / bytesPerMb) };
    return Math.max(processMb, this.last.mb);
  }

  close(): void {
    if (this.found !== null) closeSync(this.found.file);
  }

  private peakBytes(): number {
    if (this.found === null) return 0;
    const bytes = Buffer.allocUnsafe(maxNumberBytes);
    try {
      const read = readSync(this.found.file, bytes, 0, maxNumberBytes, 0);
      return Number(bytes.toString("latin1", 0, read));
    } catch {
      return 0; // the group is gone
    }
  }
}

function foundIn(directories: readonly string[]): Found | null {
  for (const directory of directories)
    for (const counter of counters) {
      const file = opened(join(directory, counter.peak));
      if (file !== null) return { directory, counter, file };
    }
  return null;
}

function cachedBytes({ directory, counter: { cached, shared } }: Found): number {
  let text: string;
  try {
    text = readFileSync(join(directory, "memory.stat"), "latin1");
  } catch {
    return 0; // the group is gone
  }
  const bytesOf = (shape: RegExp) => Number(shape.exec(text)?.[1] ?? 0);
  return Math.max(0, bytesOf(cached) - bytesOf(shared));
}

/** Before Linux 6.12, memory.peak can only be read. */
function opened(path: string): number | null {
  for (const mode of ["r+", "r"])
    try {
      return openSync(path, mode);
    } catch {
      // the next mode, or no such file
    }
  return null;
}

/** The peak of memory and swap in version 1, for those who look why something was killed. */
function resetWithSwap(directory: string): void {
  const file = opened(join(directory, "memory.memsw.max_usage_in_bytes"));
  if (file === null) return; // version 2, or a node that does not count swap
  isReset(file);
  closeSync(file);
}

function isReset(file: number): boolean {
  try {
    return writeSync(file, "0") > 0;
  } catch {
    return false;
  }
}
