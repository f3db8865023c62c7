// Keeps the groups of ended attempts for the next attempts that need the same: to create one in
// every hierarchy and to remove it takes longer than a short function.

import { monotonicMs, setTimeout } from "../../clock.js";

/** A group that no attempt has at present. */
interface Idle {
  readonly path: string;
  readonly likeness: string;
  readonly sinceMs: number;
}

/** As many rest on a node that runs a thousand commands a second. */
const maxIdle = 128;
/**
 * The kernel fills up a group's quota every 100 ms: by then an attempt owes nothing for the one
 * before it, which ended at least 50 ms earlier (group-removal.ts).
 */
const restMs = 60;
const keepMs = 5_000;

export class GroupPool {
  /** Oldest first. */
  private idle: Idle[] = [];
  private isLooking = false;

  /** `remove` throws if that is impossible; the next executor does it then. */
  constructor(private readonly remove: (path: string) => void) {}

  /** A group with the very same limits that has rested; null if there is none. */
  take(likeness: string): string | null {
    const restedMs = monotonicMs() - restMs;
    const found = this.idle.findIndex(
      (each) => each.likeness === likeness && each.sinceMs <= restedMs,
    );
    return found < 0 ? null : this.idle.splice(found, 1)[0]!.path;
  }

  /** Returns false if there are enough. */
  put(likeness: string, path: string): boolean {
    if (this.idle.length >= maxIdle) return false;
    this.idle.push({ path, likeness, sinceMs: monotonicMs() });
    this.look();
    return true;
  }

  /** Removes those that nobody needed for a while; does not keep this process alive. */
  private look(): void {
    if (this.isLooking) return;
    this.isLooking = true;
    const timer = setTimeout(() => {
      this.isLooking = false;
      const keptMs = monotonicMs() - keepMs;
      const old = this.idle.filter(({ sinceMs }) => sinceMs <= keptMs);
      this.idle = this.idle.filter(({ sinceMs }) => sinceMs > keptMs);
      for (const { path } of old) this.remove(path);
      if (this.idle.length > 0) this.look();
    }, keepMs);
    timer.unref();
  }
}
