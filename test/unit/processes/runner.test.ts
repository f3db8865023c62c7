// Programs that run through a helper process: their ends, and what happens if the helper ends.

import { execFileSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { makeBundles } from "../../../scripts/bundle/bundles.mjs";
import { errorCodeOf } from "../../../src/model/errors.js";
import { aliasMark } from "../../../src/model/slurm/own-names.js";
import { asBuffer, type ProgramRun, runAsChild } from "../../../src/processes/run.js";
import { ProgramRunner } from "../../../src/processes/runner.js";

let folder: string;
let runner: ProgramRunner;
let lost: string[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-helper-"));
  await makeBundles(["program-helper"], folder, "0");
});
beforeEach(() => {
  lost = [];
  runner = new ProgramRunner(join(folder, "program-helper.cjs"), (sentence) => lost.push(sentence));
});
afterEach(() => runner.close());
afterAll(() => rmSync(folder, { recursive: true }));

const shell = (script: string, changed: Partial<ProgramRun> = {}): ProgramRun => ({
  program: "/bin/sh",
  args: ["-c", script],
  environment: { PATH: "/usr/bin:/bin", GREETING: "hello" },
  input: "",
  timeoutMs: 300_000,
  maxOutputBytes: 10_000_000,
  maxErrorBytes: 10,
  ...changed,
});

describe.each(["helper", "child"] as const)("a program run by a %s", (by) => {
  const run = (wanted: ProgramRun) => (by === "helper" ? runner.run(wanted) : runAsChild(wanted));

  test("gets its input and environment, and its output and status come back", async () => {
    const script = "cat; echo $GREETING; head -c 5000000 /dev/zero; echo 12345678901 >&2; exit 3";
    const end = await run(shell(script, { input: "given\n" }));
    if (end.how !== "exited") throw new Error(end.how);
    const stdout = asBuffer(end.stdout);
    expect(stdout.toString("latin1", 0, 12)).toBe("given\nhello\n");
    expect(stdout.length).toBe(5_000_012);
    expect(asBuffer(end.stderr).toString()).toBe("1234567890");
    expect(end.exitCode).toBe(3);
  });

  test.each([
    ["that is killed", shell("kill -9 $$"), { how: "killed", signal: "SIGKILL" }],
    ["that takes too long", shell("sleep 600 & sleep 600", { timeoutMs: 50 }), { how: "late" }],
    ["that writes too much", shell("cat /dev/zero", { maxOutputBytes: 9 }), { how: "tooMuch" }],
    [
      "that is missing",
      shell("", { program: "/nowhere/x" }),
      { how: "notStarted", reason: expect.stringContaining("ENOENT"), advice: null },
    ],
    [
      "whose path leads through a file",
      shell("", { program: "/etc/passwd/x" }),
      { how: "notStarted", reason: expect.stringContaining("ENOTDIR"), advice: null },
    ],
  ])("%s", async (_what, wanted, end) => {
    expect(await run(wanted)).toEqual(end);
  });

  test("is no alias of Slurm's names, while others of the alias's folder are found", async () => {
    const home = mkdtempSync(join(tmpdir(), "gleaner-path-"));
    const place = (file: string, text: string) => {
      mkdirSync(join(home, file, ".."), { recursive: true });
      writeFileSync(join(home, file), text, { mode: 0o755 });
    };
    for (const name of ["squeue", "sinfo"])
      place(`mixed/${name}`, `#!/bin/bash -p\n${aliasMark}\necho alias\n`);
    place("mixed/unmunge", "#!/bin/sh\necho munge\n");
    mkdirSync(join(home, "folders/squeue"), { recursive: true });
    place("slurm/squeue", "#!/bin/sh\necho Slurm $1\n");
    const path = ["mixed", "folders", "missing", "slurm"].map((each) => join(home, each));
    const environment = { PATH: path.join(":") };
    const said = async (program: string) => {
      const end = await run(shell("", { program, args: ["-h"], environment }));
      return end.how === "exited" ? asBuffer(end.stdout).toString() : end;
    };
    expect(await said("squeue")).toBe("Slurm -h\n");
    expect(await said("unmunge")).toBe("munge\n");
    expect(await said("sinfo")).toEqual({
      how: "notStarted",
      reason: `${home}/mixed/sinfo is an alias of Gleaner's, and nothing else in PATH is sinfo`,
      advice: null,
    });
    expect(await said("gleaner-has-none")).toMatchObject({
      how: "notStarted",
      reason: expect.stringContaining("ENOENT"),
    });
    rmSync(home, { recursive: true });
  });
});

const limitFiles = (pid: number | string, most: number | string) =>
  execFileSync("prlimit", ["--pid", String(pid), `--nofile=${most}:`]);

/** Runs `work` while this process cannot open another file. */
function withoutDescriptors<Result>(work: () => Result): Result {
  const before = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))![1]!;
  limitFiles(process.pid, Math.min(Number(before), 4_096));
  const held: number[] = [];
  try {
    for (;;) held.push(openSync("/dev/null", "r"));
  } catch (thrown) {
    expect(errorCodeOf(thrown)).toBe("EMFILE");
    return work();
  } finally {
    for (const each of held) closeSync(each);
    limitFiles(process.pid, before);
  }
}
const noDescriptors = {
  how: "notStarted",
  reason: expect.stringContaining("EMFILE"),
  advice: "raise LimitNOFILE of gleanerd's unit",
};

test("without descriptors a program does not start", async () => {
  expect(await withoutDescriptors(() => runAsChild(shell("exit 0")))).toEqual(noDescriptors);
});

describe("the helper", () => {
  const pidOf = async (): Promise<string> => {
    const end = await runner.run(shell("echo $PPID"));
    return end.how === "exited" ? asBuffer(end.stdout).toString().trim() : end.how;
  };

  test("without descriptors starts no program, and stays", async () => {
    const pid = await pidOf();
    limitFiles(pid, 3);
    expect(await runner.run(shell("exit 0"))).toEqual(noDescriptors);
    limitFiles(pid, 1_000);
    expect(await pidOf()).toBe(pid);
    expect(lost).toEqual([]);
  });

  test("that gleanerd has no descriptors for is started by a later run", async () => {
    runner.close();
    expect(await withoutDescriptors(() => runner.run(shell("exit 0")))).toEqual(noDescriptors);
    expect(lost).toEqual([
      expect.stringMatching(/cannot be started \(.*EMFILE\): the next command/),
    ]);
    expect(await runner.run(shell("exit 0"))).toMatchObject({ how: "exited", exitCode: 0 });
  });

  test("that gleanerd has no memory for is started by a later run", async () => {
    runner.close();
    const { execPath } = process;
    // As without memory, spawn throws.
    process.execPath = "/etc/passwd/node";
    try {
      const end = await runner.run(shell("exit 0"));
      expect(end).toMatchObject({ how: "notStarted", reason: expect.stringContaining("ENOTDIR") });
    } finally {
      process.execPath = execPath;
    }
    expect(lost).toHaveLength(1);
    expect(await runner.run(shell("exit 0"))).toMatchObject({ how: "exited", exitCode: 0 });
  });

  test("that is killed takes its runs along, and the next run has another helper", async () => {
    const end = await runner.run(shell("kill -9 $PPID; exec sleep 1"));
    expect(end).toEqual({ how: "killed", signal: "SIGKILL" });
    expect(lost).toEqual([
      "the process that runs commands for gleanerd ended (SIGKILL): another is started",
    ]);
    expect(await runner.run(shell("exit 0"))).toMatchObject({ how: "exited", exitCode: 0 });
  });

  test("stays when a service manager or Ctrl-C ends all processes of gleanerd", async () => {
    const script = "for each in TERM INT HUP USR1 USR2; do kill -$each $PPID; done";
    const first = await pidOf();
    expect(await runner.run(shell(script))).toMatchObject({ how: "exited" });
    expect(await pidOf()).toBe(first);
    expect(readFileSync(`/proc/${first}/coredump_filter`, "latin1").trim()).toBe("00000000");
  });

  test("that cannot start is named, and its runs end", async () => {
    const broken = new ProgramRunner(join(folder, "missing.cjs"), (sentence) =>
      lost.push(sentence),
    );
    expect(await broken.run(shell("exit 0"))).toEqual({ how: "killed", signal: "exit status 1" });
    expect(lost).toEqual([expect.stringContaining("ended (exit status 1)")]);
  });
});
