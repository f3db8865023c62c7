// Decides how long to wait before the next read of slurmctld.

export interface PacePolicy {
  readonly intervalMs: number;
  readonly minimumMs: number;
  readonly maximumMs: number;
  /** A view of Slurm that is older is of no use. */
  readonly staleMs: number;
}

export interface PaceState {
  /** How long a read usually takes (ReadTimes), whether it succeeds or fails. */
  readonly usualReadMs: number;
  /** Consecutive failed reads. */
  readonly failures: number;
  /** A hook reported a change since the last read began. */
  readonly woken: boolean;
  /**
   * Consecutive reads since the last hook report that showed a job still leaving its node
   * (COMPLETING).
   */
  readonly unsettledReads: number;
}

/**
 * The median of the last three reads. A read also takes long when the controller's machine is busy
 * for a moment; such a read alone must not leave a hole unseen for fifty times as long.
 */
export class ReadTimes {
  private readonly lastMs: number[] = [];

  add(tookMs: number): void {
    this.lastMs.push(tookMs);
    if (this.lastMs.length > 3) this.lastMs.shift();
  }

  /** The median, or the shorter one of two reads; 0 before the first. */
  get usualMs(): number {
    const { lastMs } = this;
    const sorted = [...lastMs].sort((one, other) => one - other);
    return sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
  }
}

/** At the regular pace, reads take a fiftieth of slurmctld's time, or what staleMs needs. */
const regularShare = 50;
/** Reads after a hook report are worth more: a fifth, but at least minimumMs apart. */
const wokenShare = 5;

/**
 * The pause after a read. A slow slurmctld is read less often, and a failing one with exponential
 * backoff up to maximumMs. A hook reports before Slurm releases the node (a site's own epilog may
 * take seconds longer, and nothing reports its end): while reads show that state, the next one
 * comes soon, with growing pauses. Without failures, no view becomes stale before the next one is
 * read, except where even reads at the share for hooks would be too seldom.
 */
export function pauseMs(policy: PacePolicy, state: PaceState): number {
  const { intervalMs, minimumMs, maximumMs, staleMs } = policy;
  if (state.failures > 0) {
    const doubled = intervalMs * 2 ** Math.min(state.failures - 1, 10);
    return Math.min(Math.max(doubled, state.usualReadMs), maximumMs);
  }
  const soonMs = Math.min(Math.max(minimumMs, state.usualReadMs * wokenShare), maximumMs);
  if (state.woken) return soonMs;
  // A view is as old as its read took, and stays until the next read has ended.
  const freshMs = Math.max(staleMs - 2 * state.usualReadMs, soonMs);
  const rareMs = Math.min(state.usualReadMs * regularShare, freshMs);
  const regularMs = Math.min(Math.max(intervalMs, rareMs), maximumMs);
  return state.unsettledReads === 0
    ? regularMs
    : Math.min(soonMs * 2 ** Math.min(state.unsettledReads - 1, 20), regularMs);
}
