// How long to wait before slurmctld is read again.

export interface PacePolicy {
  readonly intervalMs: number;
  readonly minimumMs: number;
  readonly maximumMs: number;
}

export interface PaceState {
  /** How long the last read took, ended or failed. */
  readonly lastReadMs: number;
  /** Reads that failed in a row. */
  readonly failures: number;
  /** A hook spoke since the last read began: the cluster changed. */
  readonly woken: boolean;
}

/** At the regular pace Gleaner takes at most a fiftieth of the time that slurmctld needs to answer. */
const regularShare = 50;
/** Woken reads are worth more: a fifth, and no more often than minimumMs. */
const wokenShare = 5;

/** The pause after a read. A slow slurmctld is asked less often, a failing one ever less, up to maximumMs. */
export function pauseMs(policy: PacePolicy, state: PaceState): number {
  const { intervalMs, minimumMs, maximumMs } = policy;
  if (state.failures > 0) {
    const doubled = intervalMs * 2 ** Math.min(state.failures - 1, 10);
    return Math.min(Math.max(doubled, state.lastReadMs), maximumMs);
  }
  if (state.woken) return Math.min(Math.max(minimumMs, state.lastReadMs * wokenShare), maximumMs);
  return Math.min(Math.max(intervalMs, state.lastReadMs * regularShare), maximumMs);
}
