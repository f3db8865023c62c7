// The environment of the tests: time limits that follow the machine's load, the order of the files,
// what expectations hold, the names of running tests, Debian releases from apt's sources.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { afterPatience, Patience } from "../../../scripts/lib/patience.mjs";
import { failuresIn } from "../../../scripts/lib/test-failures.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-runner-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("patience", () => {
  test("lasts at least as long as requested", async () => {
    const startedMs = performance.now();
    const patience = new Patience(50);
    expect(patience.isOver).toBe(false);
    await new Promise<void>((resolve) => void afterPatience(100, resolve));
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(100);
  });

  test("can be cancelled like any timer", async () => {
    let isOver = false;
    clearTimeout(afterPatience(10, () => (isOver = true)));
    await new Promise<void>((resolve) => void afterPatience(100, resolve));
    expect(isOver).toBe(false);
  });
});

/** A jest of its own, in a folder with one test file; the shell has its command as "$@". */
function runOwnJest(shell: string, file: string, text: string, config: object = {}): void {
  mkdirSync(join(folder, "test"));
  writeFileSync(join(folder, "test", file), text);
  const jest = [
    join(root, "node_modules/jest/bin/jest.js"),
    `--config=${JSON.stringify({ rootDir: folder, ...config })}`,
  ];
  const environment = { ...process.env, GLEANER_TEST_RUNNING: join(folder, "running") };
  const command = ["-c", shell, "sh", process.execPath, ...jest, "--runInBand"];
  spawnSync("sh", command, { env: environment, stdio: "ignore" });
}

test("the files with many seeds run first, then the largest", async () => {
  const path = join(root, "scripts/lib/jest/long-first.mjs");
  const { default: LongFirst } = await import(path);
  const sizes = { "/a/test/unit/small": 1, "/a/test/unit/large": 9, "/a/test/property/seeds": 2 };
  const context = { hasteFS: { getSize: (of: keyof typeof sizes) => sizes[of] } };
  const tests = Object.keys(sizes).map((each) => ({ path: each, context }));
  const sorted: typeof tests = new LongFirst().sort(tests);
  expect(sorted.map((each) => each.path)).toEqual([
    "/a/test/property/seeds",
    "/a/test/unit/large",
    "/a/test/unit/small",
  ]);
});

test("an expectation with a plain pattern does not hold, whatever the text is", () => {
  const said = { reason: "it was not renewed" };
  expect(said).toMatchObject({ reason: expect.stringMatching(/renewed/) });
  expect(said).not.toMatchObject({ reason: /renewed/ });
  expect(said).not.toMatchObject({ reason: /evicted/ });
});

describe("a stopped run", () => {
  test("names the running test", () => {
    runOwnJest(
      `"$@" & until grep -q never "$GLEANER_TEST_RUNNING" 2>/dev/null; do sleep 0.1; done; kill -9 $!`,
      "hangs.test.ts",
      'test("never ends", () => new Promise(() => {}));',
      { reporters: [join(root, "scripts/lib/running-tests.mjs")] },
    );
    expect(JSON.parse(readFileSync(join(folder, "running"), "utf8"))).toEqual([
      "test/hangs.test.ts › never ends",
    ]);
  });
});

describe("a run with failures", () => {
  const failuresOf = (file: string, text: string): string[] => {
    const results = join(folder, "results.json");
    runOwnJest(`exec "$@" --json --outputFile=${results}`, file, text);
    return failuresIn(JSON.parse(readFileSync(results, "utf8")), folder);
  };

  test("repeats the failed tests with the first lines of their errors", () => {
    const [failure, ...others] = failuresOf(
      "some.test.ts",
      `test("passes", () => undefined);
       describe("a sum", () => { test("is right", () => expect(1 + 1).toBe(3)) });`,
    );
    expect(others).toEqual([]);
    expect(failure).toMatch(/^test\/some\.test\.ts: a sum is right\n/);
    expect(failure).toMatch(/^ {4}Expected: 3$/m);
    expect(failure!.split("\n").length).toBeLessThanOrEqual(13);
  });

  test("names a file that cannot be loaded", () => {
    const [failure] = failuresOf("broken.test.ts", `throw new Error("no cluster");`);
    expect(failure).toMatch(/^test\/broken\.test\.ts\n {4}/);
    expect(failure).toContain("no cluster");
  });
});

const describeHere = process.getuid?.() === 0 ? describe : describe.skip;

describeHere("a Debian release with another Slurm", () => {
  const run = (version: string, environment: NodeJS.ProcessEnv = {}) =>
    spawnSync(join(root, "scripts/lib/debian-slurm.sh"), [version, "true"], {
      encoding: "utf8",
      env: { ...process.env, ...environment },
    });

  test("that nobody knows is refused in one sentence", () => {
    const { status, stderr } = run("27.05");
    expect([status, stderr]).toEqual([
      1,
      "Nothing can be run on Slurm 27.05: no Debian release is known to have it; 24.11 and 26.05 can be run.\n",
    ]);
  });

  test("is looked for in apt's sources of either form, and where they have none that is said", () => {
    const sources = join(folder, "sources.list.d");
    mkdirSync(sources);
    writeFileSync(
      join(folder, "sources.list"),
      `deb [trusted=yes] file:${folder}/one-line sid main\n`,
    );
    writeFileSync(
      join(sources, "debian.sources"),
      `Types: deb\nURIs: file:${folder}/deb822/\nSuites: stable\nComponents: main\n`,
    );
    writeFileSync(join(folder, "mirrors"), `file:${folder}/mirrored\tpriority:1\n`);
    writeFileSync(join(sources, "m.list"), `deb mirror+file:${folder}/mirrors stable main\n`);
    writeFileSync(
      join(folder, "apt.conf"),
      `Dir::Etc::sourcelist "${folder}/sources.list";\nDir::Etc::sourceparts "${sources}";\n`,
    );
    const environment = {
      APT_CONFIG: join(folder, "apt.conf"),
      XDG_CACHE_HOME: join(folder, "cache"),
    };
    const { status, stderr } = run("26.05", environment);
    expect(status).toBe(1);
    expect(stderr).toBe(
      `Nothing can be run on Slurm 26.05: none of this machine's apt sources (file:${folder}/mirrored, file:${folder}/one-line, file:${folder}/deb822) has Debian sid, or it cannot be reached.\n`,
    );
  });
});

describe("scripts/test with a pattern", () => {
  const run = (pattern: string) =>
    spawnSync(process.execPath, [join(root, "scripts/lib/run-tests.mjs"), pattern], {
      encoding: "utf8",
    });

  test("does not build, lint or check types for a test that needs none of it", () => {
    const { stdout, status } = run("test/unit/slurm/times");
    expect(stdout).toMatch(/^== tests\n\d+ passed, 0 failed\n$/);
    expect(status).toBe(0);
  });

  test("says at once that it matches nothing", () => {
    const { stdout, stderr, status } = run("no-such-test");
    expect(stdout).toBe("0 passed, 1 failed\n");
    expect(stderr).toContain("No test file's path matches the arguments.");
    expect(status).toBe(1);
  });
});
