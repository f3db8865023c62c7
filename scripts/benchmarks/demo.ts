// Runs the demo several times with different seeds, and checks coverage, goodput and evictions
// against their limits: [--rounds N] [--seconds N].

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DemoResult } from "../demonstration/result.js";
import { countsOf, median, rounded, say } from "./lib/harness.js";

const bars = { coverage: 0.8, evictMsP99: 100 } as const;
const program = fileURLToPath(new URL("../demo", import.meta.url));
const { rounds, seconds } = countsOf({ rounds: 3, seconds: 60 });

const results: DemoResult[] = [];
const evictMsP99: number[] = [];
const startDelayMsP50: number[] = [];
let failures = 0;
for (let seed = 1; seed <= rounds; seed++) {
  const out = mkdtempSync(join(tmpdir(), "gleaner-demo-"));
  try {
    const { result, exitCode } = await runDemo(seed, out);
    if (exitCode !== 0) failures++;
    results.push(result);
    const { coverage, goodput, evictMs, batchStartDelayMs, invocations } = result;
    if (evictMs === null || batchStartDelayMs === null)
      throw new Error(`seed ${seed}: no batch job began on a node that functions used`);
    say(
      `seed ${seed}: coverage ${rounded(coverage, 3)}, goodput ${rounded(goodput, 3)}, evictMs p99 ${evictMs.p99}, start delay p50 ${batchStartDelayMs.p50} ms, lost ${invocations.lost}`,
    );
    evictMsP99.push(evictMs.p99);
    startDelayMsP50.push(batchStartDelayMs.p50);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

const coverage = Math.min(...results.map((each) => each.coverage));
const evictMsP99Worst = Math.max(...evictMsP99);
const lost = results.reduce((sum, each) => sum + each.invocations.lost, 0);
const summary = {
  rounds,
  failures,
  coverageWorst: rounded(coverage, 4),
  goodputMedian: rounded(median(results.map((each) => each.goodput)), 4),
  evictions: results.reduce((sum, each) => sum + each.evictions, 0),
  evictMsP99Worst,
  batchStartDelayMsP50: median(startDelayMsP50),
  lost,
  bars,
  withinBars:
    failures === 0 && lost === 0 && coverage >= bars.coverage && evictMsP99Worst <= bars.evictMsP99,
};
process.stdout.write(`${JSON.stringify(summary)}\n`);

/** One run of scripts/demo, in its own process, so that Ctrl-C ends it too. */
async function runDemo(
  seed: number,
  out: string,
): Promise<{ result: DemoResult; exitCode: number | null }> {
  const args = ["--seed", String(seed), "--seconds", String(seconds), "--out", out];
  const demo = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  demo.stdout.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  const [exitCode] = (await once(demo, "close")) as [number | null];
  const last = text.trimEnd().split("\n").at(-1) ?? "";
  if (!last.startsWith("{")) throw new Error(`the demo printed no result:\n${text.slice(-2_000)}`);
  return { result: JSON.parse(last) as DemoResult, exitCode };
}
