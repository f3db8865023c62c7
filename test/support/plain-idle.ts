// Idle core-time computed second by second from what a test knows of its jobs, without the code
// that it checks.

export interface PlainJob {
  readonly node: string;
  readonly cores: number;
  readonly from: number;
  /** null if it still runs. */
  readonly to: number | null;
}

export interface PlainOutage {
  readonly node: string;
  readonly from: number;
  /** null if it lasts. */
  readonly to: number | null;
}

/** Core-seconds that neither a job nor an outage has during [from, to), all in whole seconds. */
export function plainIdle(
  nodes: ReadonlyMap<string, number>,
  jobs: readonly PlainJob[],
  outages: readonly PlainOutage[],
  from: number,
  to: number,
): number {
  let idle = 0;
  const isAt = (
    each: { node: string; from: number; to: number | null },
    node: string,
    at: number,
  ) => each.node === node && each.from <= at && (each.to === null || at < each.to);
  for (const [node, cores] of nodes)
    for (let at = from; at < to; at++) {
      if (outages.some((each) => isAt(each, node, at))) continue;
      const held = jobs.filter((each) => isAt(each, node, at));
      idle += Math.max(
        0,
        held.reduce((left, job) => left - job.cores, cores),
      );
    }
  return idle;
}
