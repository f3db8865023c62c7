// Builds, lints, checks types, runs jest, and adds everything up in one last line: "N passed, N failed".
//
//   run-tests.mjs [PATTERN…]                 everything, with the Slurm that is installed
//   run-tests.mjs --slurm 24.11 [PATTERN…]   the tests with real Slurm alone, on Slurm 24.11
//   run-tests.mjs --slurm all [PATTERN…]     the one and then the other

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** Continuous integration ends everything after 25 minutes, and would get no last line then. */
const totalLimitMs = 24 * 60_000;
const startedMs = Date.now();
/** A run of jest that takes longer hangs. */
const jestLimitMs = 11 * 60_000;
const checkLimitMs = 3 * 60_000;
/** Fetching Debian 13 takes one to three minutes, compiling its dist/ some seconds, and then come the tests. */
const otherSlurmLimitMs = 15 * 60_000;
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
const otherSlurm = {
  title: "tests with Slurm 24.11, in a folder with Debian 13",
  args: ["--testMatch=**/test/slurm/**/*.test.ts", "--runInBand"],
  within: [join(root, "scripts/lib/debian13.sh"), "env", "GLEANER_TEST_SLURM=24.11", "node"],
  limitMs: otherSlurmLimitMs,
};

const { which, patterns } = readArguments(process.argv.slice(2));
const plan = {
  installed: { checks, runs: jestRuns },
  24.11: { checks: [], runs: [otherSlurm] },
  all: { checks, runs: [...jestRuns, otherSlurm] },
}[which];

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

for (const check of plan.checks) {
  if (interruptedBy !== null) break;
  announce(check.title);
  const ok = await runStep(check.args, checkLimitMs);
  total[ok ? "passed" : "failed"] += 1;
}
const results = mkdtempSync(join(tmpdir(), "gleaner-test-"));
try {
  for (const [index, run] of plan.runs.entries()) {
    if (interruptedBy !== null) break;
    announce(run.title);
    await runJest(run, join(results, `${index}.json`));
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

/** Ends with status 2 when a version is asked for that is not known here. */
function readArguments(args) {
  if (args[0] !== "--slurm") return { which: "installed", patterns: args };
  if (args[1] === "24.11" || args[1] === "all") return { which: args[1], patterns: args.slice(2) };
  console.error("scripts/test --slurm takes 24.11 or all.");
  process.exit(2);
}

async function runJest({ args, within, limitMs = jestLimitMs }, resultFile) {
  const jest = [
    "--experimental-vm-modules",
    "--disable-warning=ExperimentalWarning",
    "node_modules/jest/bin/jest.js",
  ];
  const output = ["--json", `--outputFile=${resultFile}`, "--passWithNoTests"];
  const ok = await runStep([...jest, ...args, ...output, ...patterns], limitMs, within);
  let result;
  try {
    result = JSON.parse(readFileSync(resultFile, "utf8"));
  } catch {
    total.failed += 1; // jest itself broke, was stopped, or had no machine to run on
    jestTests += 1;
    return;
  }
  jestTests += result.numTotalTests + result.numRuntimeErrorTestSuites;
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  total.passed += result.numPassedTests;
  total.failed += ok ? failed : Math.max(1, failed);
}

/**
 * Runs one node program in a process group of its own, with its output on standard error; true when it ended with
 * status 0 in time. Whatever it left in its group is killed. `within`: the command that is node to it.
 */
function runStep(args, ownLimitMs, within = [process.execPath]) {
  const limitMs = Math.min(ownLimitMs, startedMs + totalLimitMs - Date.now());
  return new Promise((resolve) => {
    const child = spawn(within[0], [...within.slice(1), ...args], {
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
      console.error(`Stopped: it took longer than ${Math.round(limitMs / 60_000)} minutes.`);
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
