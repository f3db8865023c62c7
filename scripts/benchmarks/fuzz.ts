// Feeds made-up input to every parser of the C programs, and to both ends of the direct path, under
// the address and undefined-behaviour sanitizers, with libFuzzer where clang has it: [--inputs
// 1000000] [--seed 1].

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { countsOf, say } from "./lib/harness.js";

interface Outcome {
  readonly inputs: number;
  readonly seed: number;
  /** How many inputs each parser accepted; 0 means that its samples are useless. */
  readonly accepted: Readonly<Record<string, number>>;
}

const { inputs, seed } = countsOf({ inputs: 1_000_000, seed: 1 });
const targets = ["frames", "hold", "worker", "client"];
const maxInputBytes = 2_048;
const maxReportChars = 20_000;
const directPath = fileURLToPath(new URL("../../src/sdk/c/test/fuzz", import.meta.url));
const sources = fileURLToPath(new URL("../../slurm-plugin", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "gleaner-fuzz-"));

try {
  mkdirSync(join(folder, "asan"));
  say("building the parsers with the sanitizers");
  execFileSync("make", ["-s", "-C", sources, `OUT=${folder}`, "asan"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  say(`feeding ${inputs} inputs from seed ${seed}`);
  const startedAtMs = performance.now();
  const said = execFileSync(join(folder, "asan", "fuzz"), [`${inputs}`, `${seed}`], {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  });
  const outcome = JSON.parse(said) as Outcome;
  const seconds = Math.round(performance.now() - startedAtMs) / 1_000;
  const idle = Object.entries(outcome.accepted).filter(([, count]) => count === 0);
  if (idle.length > 0)
    throw new Error(`these parsers accepted no input: ${idle.map(([name]) => name)}`);
  const direct = fuzzDirectPath();
  say(JSON.stringify({ ...outcome, directPath: direct, findings: 0, seconds }));
} catch (thrown) {
  process.stderr.write(`fuzz: ${thrown instanceof Error ? thrown.message : thrown}\n`);
  say(JSON.stringify({ inputs, seed, findings: 1 }));
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}

/** How long each target took; throws with what the sanitizers found. */
function fuzzDirectPath(): Record<string, number> {
  const hasFuzzer = spawnSync("clang", ["--version"]).status === 0;
  say(`building the direct path's targets with ${hasFuzzer ? "libFuzzer" : "a seeded generator"}`);
  const built = ["-s", "-C", directPath, `OUT=${folder}/direct`, hasFuzzer ? "all" : "seeded"];
  execFileSync("make", built, { stdio: ["ignore", "ignore", "inherit"] });
  const args = hasFuzzer
    ? [`-runs=${inputs}`, `-seed=${seed}`, `-max_len=${maxInputBytes}`, "-timeout=20"]
    : [`${inputs}`, `${seed}`];
  return Object.fromEntries(targets.map((target) => [target, fuzzTarget(target, args)]));
}

function fuzzTarget(target: string, args: readonly string[]): number {
  say(`feeding ${inputs} inputs to ${target}`);
  const startedAtMs = performance.now();
  const run = spawnSync(join(folder, "direct", `fuzz-${target}`), args, { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`${target}:\n${run.stderr.slice(-maxReportChars)}`);
  return Math.round(performance.now() - startedAtMs) / 1_000;
}
