// How soon a function runs where a job has ended: by the hook's word and by polling alone, on a whole node and beside another job: [--runs N] [--polled N].

import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../cluster/until.js";
import type { Site } from "../site/site.js";
import { Api } from "./lib/api.js";
import { benchmark, benchmarkUser, countsOf, rounded, say } from "./lib/harness.js";

const counts = countsOf({ runs: 25, polled: 6 });
const cores = 4;
const patienceMs = 60_000;
/** A neighbour that stays, so that the executor does. */
const neighbour = ["--wrap=sleep 100000", "-c", "1", "--mem=500"];

const results: Record<string, object> = {};
await benchmark({ nodes: 1, cpus: cores, memoryMb: 8_000 }, async (site) => {
  results["hook"] = await measure(site, counts.runs);
  return {};
});
await benchmark(
  { nodes: 1, cpus: cores, memoryMb: 8_000, slurmConfLines: ["Epilog=/bin/true"] },
  async (site) => {
    const { whole, fragment } = await measure(site, counts.polled);
    return {
      runs: counts.runs,
      readyMs: results["hook"],
      polled: { runs: counts.polled, whole, fragment },
    };
  },
);

async function measure(site: Site, runs: number) {
  const work = join(site.cluster.dir, "work", "ready");
  mkdirSync(work, { recursive: true });
  chmodSync(work, 0o777);
  const api = new Api(site);
  await api.identify();
  const sbatch = ["--parsable", "--output=/dev/null", "--nodelist=n1"];
  const whole = await repeat(runs, () => once(site, api, work, 0, ["--exclusive"]));
  await site.cluster.run("sbatch", [...sbatch, ...neighbour]);
  const fragment = await repeat(runs, () => once(site, api, work, 1, ["-c", "2", "--mem=2000"]));
  api.close();
  const result = { whole: percentiles(whole), fragment: percentiles(fragment) };
  say(JSON.stringify(result));
  return result;
}

async function once(
  site: Site,
  api: Api,
  work: string,
  leaves: number,
  share: string[],
): Promise<number> {
  const [fifo, ended, began] = ["go", "ended", "began"].map((name) => join(work, name)) as [
    string,
    string,
    string,
  ];
  for (const file of [fifo, ended, began]) rmSync(file, { force: true });
  execFileSync("mkfifo", ["-m", "666", fifo]);
  const job = `read -r _ < ${fifo}; date +%s%N > ${ended}`;
  const { stdout } = await site.cluster.run("sbatch", [
    "--parsable",
    "--output=/dev/null",
    ...share,
    `--wrap=${job}`,
  ]);
  await until(
    patienceMs,
    async () => {
      const found = (await api.info()).nodes[0]!;
      const left = found.cores - found.allocatedCores;
      const held = found.executor?.budget.cores ?? 0;
      return (
        (left === leaves && held === left && (found.executor === null) === (left === 0)) ||
        undefined
      );
    },
    () => new Error(`job ${stdout.trim()} did not get its node`),
  );
  const need = ["-c", "2", "--mem=500M"];
  await site.gleanOrThrow(
    ["batch", "--parsable", "-o", "/dev/null", ...need, `--wrap=date +%s%N > ${began}`],
    { user: benchmarkUser },
  );
  writeFileSync(fifo, "\n");
  const read = (file: string) =>
    until(
      patienceMs,
      () => {
        const text = existsSync(file) ? readFileSync(file, "utf8") : "";
        return text.endsWith("\n") ? Number(BigInt(text.trim()) / 1_000n) / 1_000 : undefined;
      },
      () => new Error(`waited in vain for ${file}`),
    );
  const ms = (await read(began)) - (await read(ended));
  say(`${leaves} ${rounded(ms, 0)}`);
  return ms;
}

async function repeat(runs: number, one: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let run = 0; run < runs; run++) values.push(await one());
  return values;
}

function percentiles(values: readonly number[]) {
  const sorted = [...values].sort((left, right) => left - right);
  const at = (share: number) => rounded(sorted[Math.ceil(share * sorted.length) - 1]!, 0);
  return { p50: at(0.5), p99: at(0.99), max: rounded(sorted.at(-1)!, 0) };
}
