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
  /** Reads in a row, since a hook last spoke, that showed a job still leaving its node (COMPLETING). */
  readonly unsettledReads: number;
}

/** At the regular pace Gleaner takes at most a fiftieth of the time that slurmctld needs to answer. */
const regularShare = 50;
/** Woken reads are worth more: a fifth, and no more often than minimumMs. */
const wokenShare = 5;

/**
 * The pause after a read. A slow slurmctld is asked less often, a failing one ever less, up to maximumMs. A hook speaks
 * before Slurm lets the node go (a site's own epilog may take seconds more, and nobody tells when it ended): while a read
 * shows that, the next one comes soon, then ever later.
 */
export function pauseMs(policy: PacePolicy, state: PaceState): number {
  const { intervalMs, minimumMs, maximumMs } = policy;
  if (state.failures > 0) {
    const doubled = intervalMs * 2 ** Math.min(state.failures - 1, 10);
    return Math.min(Math.max(doubled, state.lastReadMs), maximumMs);
  }
  const soonMs = Math.min(Math.max(minimumMs, state.lastReadMs * wokenShare), maximumMs);
  if (state.woken) return soonMs;
  const regularMs = Math.min(Math.max(intervalMs, state.lastReadMs * regularShare), maximumMs);
  return state.unsettledReads === 0
    ? regularMs
    : Math.min(soonMs * 2 ** Math.min(state.unsettledReads - 1, 20), regularMs);
}
