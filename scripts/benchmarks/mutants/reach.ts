// Determines which mutants each test file reaches, and how long it takes: every file runs once,
// with no mutant switched on.

import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runTests, type TestFile } from "./run.js";

export interface Reach {
  /** The test files that reach a mutant, the fastest first. */
  filesOf(mutant: string): readonly TestFile[];
  /** Files that fail in the sandbox although nothing is changed. */
  readonly leftOut: readonly string[];
}

interface Reached {
  readonly file: TestFile;
  readonly wallMs: number;
  readonly ids: ReadonlySet<string>;
}

/** The limit for a file that was never run. */
const unknownCpuMs = 100_000;

export async function measureReach(
  sandbox: string,
  paths: readonly string[],
  tell: (line: string) => void,
): Promise<Reach> {
  const leftOut: string[] = [];
  const reached: Reached[] = [];
  for (const path of paths) {
    const folder = mkdtempSync(join(sandbox, ".reached-"));
    chmodSync(folder, 0o1777);
    const environment = {
      GLEANER_MUTANTS_REACHED: folder,
      NODE_OPTIONS: `--require=${join(sandbox, "scripts/benchmarks/mutants/reached.cjs")}`,
    };
    const outcome = await runTests(sandbox, [{ path, cpuMs: unknownCpuMs }], environment);
    const ids = new Set(
      readdirSync(folder).flatMap((name) => JSON.parse(readFileSync(join(folder, name), "utf8"))),
    );
    rmSync(folder, { recursive: true });
    tell(`${path} reaches ${ids.size} mutants`);
    if (outcome.kind !== "passed") leftOut.push(`${path}: ${JSON.stringify(outcome)}`);
    else if (ids.size > 0) {
      const { cpuMs, wallMs } = outcome;
      reached.push({ file: { path, cpuMs }, wallMs, ids });
    }
  }
  reached.sort((a, b) => a.wallMs - b.wallMs);
  return {
    filesOf: (mutant) => reached.flatMap(({ file, ids }) => (ids.has(mutant) ? [file] : [])),
    leftOut,
  };
}
