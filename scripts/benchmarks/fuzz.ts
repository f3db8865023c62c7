// Feeds made-up input to every parser of the C programs, under the address and undefined-behaviour
// sanitizers: [--inputs 1000000] [--seed 1].

import { execFileSync } from "node:child_process";
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
  say(JSON.stringify({ ...outcome, findings: 0, seconds }));
} catch (thrown) {
  process.stderr.write(`fuzz: ${thrown instanceof Error ? thrown.message : thrown}\n`);
  say(JSON.stringify({ inputs, seed, findings: 1 }));
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
