// Shared by benchmarks: a site that is removed afterwards, a clock, medians, options, and the last
// line.

import { mkdtempSync, rmSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { ensureSlurmInstalled } from "../../cluster/cluster.js";
import { integer, readOptions } from "../../lib/options.js";
import { type Site, type SiteOptions, startSite } from "../../site/site.js";

export {
  cpuMsOf,
  measuredPercentiles,
  median,
  medianRatio,
  percentilesOf,
  preciseMs,
  rounded,
} from "./figures.js";

/** An ordinary user: functions never run as root. */
export const benchmarkUser = "nobody";
const interruptedStatus = 130;

/**
 * Starts a site, runs `measure` on it, prints the result as the last line, and removes the site.
 */
export async function benchmark(
  options: Omit<SiteOptions, "dir">,
  measure: (site: Site) => Promise<object>,
): Promise<void> {
  const result = await measuredOnSite(options, measure);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** Starts a site, runs `measure` on it, and removes the site. */
export async function measuredOnSite<Result>(
  options: Omit<SiteOptions, "dir">,
  measure: (site: Site) => Promise<Result>,
): Promise<Result> {
  await ensureSlurmInstalled();
  const dir = mkdtempSync(join(tmpdir(), "gleaner-bench-"));
  const site = await startSite({ ...options, dir });
  const stop = async (): Promise<void> => {
    await site.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  let ending: Promise<void> | null = null;
  /** Once, although an interrupted measurement fails, too. */
  const end = (): Promise<void> => {
    ending ??= stop();
    return ending;
  };
  const interrupted = (): void => void end().then(() => process.exit(interruptedStatus));
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    const slurm = await site.cluster.run("sinfo", ["--version"]);
    say(
      `${cpus().length} x ${cpus()[0]?.model}, Linux ${release()}, node ${process.version}, ${slurm.stdout.trim()}`,
    );
    const result = await measure(site);
    site.assertDaemonDidNotCrash();
    return result;
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
    await end();
  }
}

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Integers from the command line, each with its default: `--runs 40`. */
export function countsOf<Name extends string>(
  defaults: Readonly<Record<Name, number>>,
): Record<Name, number> {
  const names = Object.keys(defaults) as Name[];
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
  const { values } = readOptions({ options });
  const counts: Record<Name, number> = { ...defaults };
  for (const name of names) {
    const given = values[name];
    if (given !== undefined) counts[name] = integer(name, given);
  }
  return counts;
}
