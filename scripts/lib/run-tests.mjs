// Builds, runs the checks and jest, and adds everything up in one last line: "N passed, N failed".
//
//   run-tests.mjs everything, with the installed Slurm
//   run-tests.mjs PATTERN… the tests whose path matches, without checks; built first if needed
//   run-tests.mjs --slurm VERSION [PATTERN…]
//                               only the tests with real Slurm, on that version
//   run-tests.mjs --slurm all [PATTERN…]
//                               everything, then on each other version those about Slurm
//
// In continuous integration (CI is set) the whole run has a time limit. Elsewhere there is none: on
// a loaded machine tests are slow, and interrupting a test that hangs prints its name.

import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { checks } from "./checks.mjs";
import { failuresIn } from "./test-failures.mjs";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/**
 * Twice the time on an idle machine with two processors, so that the last line comes before
 * everything is ended.
 */
const ciLimitMs = 60 * 60_000;
const deadlineMs = process.env.CI ? Date.now() + ciLimitMs : null;
/** The time that an interrupted step has to clean up before it is killed. */
const graceMs = 10_000;
/** Other versions of Slurm, each in a folder with a Debian that has it. */
const otherSlurms = ["24.11", "26.05"];

const build = { title: "build", args: ["scripts/build.mjs", "--if-stale"] };

const fast = {
  title: "tests",
  folders: ["unit", "property"],
  args: [
    "--testMatch=**/test/{unit,property}/**/*.test.ts",
    "--testMatch=**/test/*.test.ts",
    "--maxWorkers=2",
  ],
};
/** Tests with a real Slurm share this machine's services, so they run one after the other. */
const onInstalled = {
  title: "tests with real Slurm",
  folders: ["slurm"],
  args: ["--testMatch=**/test/slurm/**/*.test.ts", "--runInBand"],
};
/** With everything but Slurm. */
const built = {
  title: "tests of the built programs",
  folders: ["e2e"],
  args: ["--testMatch=**/test/e2e/**/*.test.ts", "--runInBand"],
};
/** Not about Slurm, so a run of everything includes them only once. */
const sameOnAnySlurm =
  "calls|corpus|deploy|freeing|functions|grace|hostile|hosts|hosts-[a-z]+|interference|run|samples|scripts|sdk|sick-nodes|ssh|tls";
const withoutThose = `--testPathIgnorePatterns=/test/slurm/(?:\\w+/)?(?:${sameOnAnySlurm})\\.test`;

const { which, patterns } = readArguments(process.argv.slice(2));
const plans = {
  installed: { checks: [build, ...checks], stages: [[fast], [onInstalled, built]] },
  all: {
    checks: [build, ...checks],
    // Clusters in different folders share nothing, and their tests mostly wait.
    stages: [
      [fast],
      [onInstalled, built, ...otherSlurms.map((version) => runOn(version, withoutThose))],
    ],
  },
};
const plan = narrowed(plans[which] ?? { checks: [build], stages: [[runOn(which)]] });

const total = { passed: 0, failed: 0 };
/** What failed, in the words of the checks and of jest. */
const failures = [];
let jestTests = 0;
const running = new Set();
let interruptedBy = null;

for (const [name, number] of [
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
])
  process.on(name, () => {
    interruptedBy ??= number;
    for (const step of running) step.stop(name);
  });

/** After that, nothing more begins. */
const isOver = () => interruptedBy !== null || (deadlineMs !== null && Date.now() >= deadlineMs);

const results = mkdtempSync(join(tmpdir(), "gleaner-test-"));
try {
  const stages = [[plan.checks, runCheck], ...plan.stages.map((runs) => [runs, runJest])];
  for (const [index, [runs, run]] of stages.entries()) {
    if (isOver()) break;
    if (runs.length > 0) await runTogether(runs, run, join(results, String(index)));
  }
} finally {
  rmSync(results, { recursive: true, force: true });
}
if (jestTests === 0 && !isOver()) {
  console.error("No test file's path matches the arguments.");
  total.failed += 1;
}
if (interruptedBy !== null) process.exitCode = 128 + interruptedBy;
else if (total.failed > 0) process.exitCode = 1;
for (const failure of failures) console.log(`FAILED ${failure}`);
console.log(`${total.passed} passed, ${total.failed} failed`);

function announce(title) {
  console.log(`== ${title}`);
}

/**
 * With patterns, does only what they need: nobody waits for a build or a check of everything else.
 */
function narrowed(whole) {
  if (patterns.length === 0) return whole;
  const stages = whole.stages
    .map((runs) => runs.filter(({ folders }) => folders.some(hasMatch)))
    .filter((runs) => runs.length > 0);
  const builds = stages.flat().some((run) => run !== fast);
  return { checks: builds ? [build] : [], stages };
}

/** Compares patterns with paths as jest does; the files in test/ itself belong to the fast ones. */
function hasMatch(folder) {
  const isOfFolder = (path) =>
    path.startsWith(`${folder}/`) || (folder === "unit" && !path.includes("/"));
  return readdirSync(join(root, "test"), { recursive: true })
    .filter((path) => path.endsWith(".test.ts") && isOfFolder(path))
    .some((path) =>
      patterns.some((pattern) => new RegExp(pattern, "i").test(join(root, "test", path))),
    );
}

function runOn(version, ...more) {
  return {
    folders: ["slurm"],
    title: `tests with Slurm ${version}, in a folder with a Debian that has it`,
    args: ["--testMatch=**/test/slurm/**/*.test.ts", "--runInBand", ...more],
    within: [join(root, "scripts/lib/debian-slurm.sh"), version],
    environment: { GLEANER_TEST_SLURM: version },
  };
}

/** Exits with 2 if the requested version is unknown here. */
function readArguments(args) {
  if (args[0] !== "--slurm") return { which: "installed", patterns: args };
  if (otherSlurms.includes(args[1]) || args[1] === "all")
    return { which: args[1], patterns: args.slice(2) };
  console.error(`scripts/test --slurm takes ${otherSlurms.join(", ")} or all.`);
  process.exit(2);
}

/** Does all `runs` at once, and prints the output of each as a whole, that of the first live. */
async function runTogether([first, ...others], run, results) {
  announce(first.title);
  const ends = others.map(async (other, index) => {
    const file = `${results}.${index}.output`;
    const output = openSync(file, "w");
    await run(other, `${results}.${index}`, output).finally(() => closeSync(output));
    return { title: other.title, text: readFileSync(file, "utf8") };
  });
  await run(first, results);
  for (const { title, text } of await Promise.all(ends)) {
    announce(title);
    process.stderr.write(text);
  }
}

async function runCheck({ title, args }, _results, output = 2) {
  const ok = await runStep(args, { output });
  total[ok ? "passed" : "failed"] += 1;
  if (!ok) failures.push(title);
}

/** `results` is a path that the names of this run's files begin with. */
async function runJest({ title, args, within = [], environment = {} }, results, output = 2) {
  const jest = [
    "--experimental-vm-modules",
    "--disable-warning=ExperimentalWarning",
    "node_modules/jest/bin/jest.js",
  ];
  const resultFile = `${results}.json`;
  const runningFile = `${results}.running`;
  const report = ["--json", `--outputFile=${resultFile}`, "--passWithNoTests"];
  const variables = Object.entries({ ...environment, GLEANER_TEST_RUNNING: runningFile });
  const command = [...within, "env", ...variables.map(([name, value]) => `${name}=${value}`)];
  const program = [...command, within.length > 0 ? "node" : process.execPath];
  const jestArgs = [...jest, ...args, ...report, ...patterns];
  const ok = await runStep(jestArgs, { program, runningFile, output });
  let result;
  try {
    result = JSON.parse(readFileSync(resultFile, "utf8"));
  } catch {
    total.failed += 1; // jest itself broke, was stopped, or had no machine to run on
    failures.push(`${title}: jest wrote no result`);
    jestTests += 1;
    return;
  }
  jestTests += result.numTotalTests + result.numRuntimeErrorTestSuites;
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  total.passed += result.numPassedTests;
  total.failed += ok ? failed : Math.max(1, failed);
  failures.push(...failuresIn(result, root).map((failure) => `${title}: ${failure}`));
  if (!ok && failed === 0) failures.push(`${title}: jest failed, but none of its tests`);
}

/**
 * Runs one node program in its own process group, with its output on the descriptor `output`; true
 * if it exited with 0 in time. Kills whatever it left in its group. `program` is the command used
 * as node; `runningFile` is where it keeps the names of running tests.
 */
function runStep(args, { program = [process.execPath], runningFile = null, output = 2 } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program[0], [...program.slice(1), ...args], {
      cwd: root,
      detached: true,
      stdio: ["ignore", output, output],
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
      if (killer !== undefined) return;
      for (const test of runningTests(runningFile)) console.error(`This ran: ${test}`);
      signal(name);
      killer = setTimeout(() => signal("SIGKILL"), graceMs);
    };
    const tooLong = () => {
      console.error(`Stopped: the tests took longer than ${ciLimitMs / 60_000} minutes.`);
      stop("SIGTERM");
    };
    const limit = deadlineMs === null ? undefined : setTimeout(tooLong, deadlineMs - Date.now());
    const step = { stop };
    running.add(step);
    child.once("close", (code) => {
      clearTimeout(limit);
      clearTimeout(killer);
      signal("SIGKILL");
      running.delete(step);
      resolve(code === 0);
    });
  });
}

/** As written by scripts/lib/running-tests.mjs. */
function runningTests(file) {
  try {
    return file === null ? [] : JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return []; // jest has not begun
  }
}
