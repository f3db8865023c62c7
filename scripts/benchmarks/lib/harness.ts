// What benchmarks share: a site that is gone afterwards, a clock, medians, options, and the last line.

import { mkdtempSync, rmSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { machineMonotonicNs } from "../../../src/clock.js";
import { ensureSlurmInstalled } from "../../cluster/cluster.js";
import { type Site, type SiteOptions, startSite } from "../../site/site.js";

/** An ordinary user: functions never run as root. */
export const benchmarkUser = "nobody";
const interruptedStatus = 130;

/** Starts a site, runs `measure` on it, prints what it gives as the last line; the site is gone then. */
export async function benchmark(
  options: Omit<SiteOptions, "dir">,
  measure: (site: Site) => Promise<object>,
): Promise<void> {
  await ensureSlurmInstalled();
  const dir = mkdtempSync(join(tmpdir(), "gleaner-bench-"));
  const site = await startSite({ ...options, dir });
  const end = async (): Promise<void> => {
    await site.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  const interrupted = (): void => void end().then(() => process.exit(interruptedStatus));
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  let result: object;
  try {
    const slurm = await site.cluster.run("sinfo", ["--version"]);
    say(
      `${cpus().length} x ${cpus()[0]?.model}, Linux ${release()}, node ${process.version}, ${slurm.stdout.trim()}`,
    );
    result = await measure(site);
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
    await end();
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Milliseconds with their fraction, from any start. */
export const preciseMs = (): number => Number(machineMonotonicNs()) / 1e6;

/** The middle value, or the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2;
}

/** The median of `left` by `right` pair by pair: what disturbs both, as a busy machine does, cancels out. */
export const medianRatio = (left: readonly number[], right: readonly number[]): number =>
  median(left.map((value, index) => value / right[index]!));

export const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));

/** Whole numbers of the command line, each with its default: `--runs 40`. */
export function countsOf<Name extends string>(
  defaults: Readonly<Record<Name, number>>,
): Record<Name, number> {
  const names = Object.keys(defaults) as Name[];
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
  const { values } = parseArgs({ options });
  const counts: Record<Name, number> = { ...defaults };
  for (const name of names) {
    const given = values[name];
    if (given === undefined) continue;
    counts[name] = Number(given);
    if (!Number.isInteger(counts[name]) || counts[name] < 1)
      throw new Error(`--${name} takes a whole number from 1, not ${given}`);
  }
  return counts;
}
