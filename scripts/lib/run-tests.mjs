// Builds, lints, checks types, runs jest, and adds everything up in one last line: "N passed, N failed".

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** A run of jest that takes longer hangs; both together stay within the 25 minutes of continuous integration. */
const jestLimitMs = 11 * 60_000;
const checkLimitMs = 3 * 60_000;
/** What an interrupted step gets to clean up before it is killed. */
const graceMs = 10_000;

const checks = [
  { title: "build", args: ["scripts/build.mjs", "--if-stale"] },
  { title: "lint", args: ["node_modules/@biomejs/biome/bin/biome", "check", "."] },
  { title: "types", args: ["node_modules/typescript/bin/tsc", "--noEmit"] },
];

/** Tests with a real Slurm or a browser share ports and processors, so they run one after the other. */
const jestRuns = [
  {
    title: "tests",
    args: [
      "--testMatch=**/test/{unit,property}/**/*.test.ts",
      "--testMatch=**/test/*.test.ts",
      "--maxWorkers=2",
    ],
  },
  {
    title: "tests with real Slurm",
    args: ["--testMatch=**/test/{slurm,e2e}/**/*.test.ts", "--runInBand"],
  },
];

const total = { passed: 0, failed: 0 };
let jestTests = 0;
let current = null;
let interruptedBy = null;

for (const [name, number] of [
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
])
  process.on(name, () => {
    interruptedBy ??= number;
    current?.stop(name);
  });

for (const check of checks) {
  if (interruptedBy !== null) break;
  announce(check.title);
  const ok = await runStep(check.args, checkLimitMs);
  total[ok ? "passed" : "failed"] += 1;
}
const results = mkdtempSync(join(tmpdir(), "gleaner-test-"));
try {
  for (const [index, run] of jestRuns.entries()) {
    if (interruptedBy !== null) break;
    announce(run.title);
    await runJest(run.args, join(results, `${index}.json`));
  }
} finally {
  rmSync(results, { recursive: true, force: true });
}
if (jestTests === 0 && interruptedBy === null) {
  console.error("No test file's path matches the arguments.");
  total.failed += 1;
}
if (interruptedBy !== null) process.exitCode = 128 + interruptedBy;
else if (total.failed > 0) process.exitCode = 1;
console.log(`${total.passed} passed, ${total.failed} failed`);

function announce(title) {
  console.log(`== ${title}`);
}

async function runJest(args, resultFile) {
  const jest = [
    "--experimental-vm-modules",
    "--disable-warning=ExperimentalWarning",
    "node_modules/jest/bin/jest.js",
  ];
  const output = ["--json", `--outputFile=${resultFile}`, "--passWithNoTests"];
  const ok = await runStep([...jest, ...args, ...output, ...process.argv.slice(2)], jestLimitMs);
  let result;
  try {
    result = JSON.parse(readFileSync(resultFile, "utf8"));
  } catch {
    total.failed += 1; // jest itself broke, or was stopped
    return;
  }
  jestTests += result.numTotalTests + result.numRuntimeErrorTestSuites;
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  total.passed += result.numPassedTests;
  total.failed += ok ? failed : Math.max(1, failed);
}

/**
 * Runs one node program in a process group of its own, with its output on standard error; true when it ended with
 * status 0 in time. Whatever it left in its group is killed.
 */
function runStep(args, limitMs) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      detached: true,
      stdio: ["ignore", 2, 2],
    });
    const signal = (name) => {
      try {
        process.kill(-child.pid, name);
      } catch {
        // nothing is left in the group
      }
    };
    let killer;
    const stop = (name) => {
      signal(name);
      killer ??= setTimeout(() => signal("SIGKILL"), graceMs);
    };
    const limit = setTimeout(() => {
      console.error(`Stopped: it took longer than ${limitMs / 60_000} minutes.`);
      stop("SIGTERM");
    }, limitMs);
    current = { stop };
    child.once("close", (code) => {
      clearTimeout(limit);
      clearTimeout(killer);
      signal("SIGKILL");
      current = null;
      resolve(code === 0);
    });
  });
}
