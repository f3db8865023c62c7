// The pilot launcher's use of Slurm, and what it keeps of its pilots: programs of ours replace
// Slurm's and munge's.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { Launcher } from "../../../src/core/ports/launcher.js";
import { createPilotLauncher } from "../../../src/launch/pilot.js";
import { executorId, nodeName } from "../../../src/model/ids.js";
import { runAsChild } from "../../../src/processes/run.js";

const id = executorId("n1.12ab34cd");
const n1 = nodeName("n1");
const size = { budget: { cores: 2, memoryMb: 1_000, gpus: [] }, timeLimitMs: 60_000 };
let folder: string;
let launcher: Launcher;
const path = process.env.PATH;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gleaner-pilot-"));
  program("munge", "echo MUNGE:AAAA:");
  program("sbatch", "echo 42");
  program("squeue", `echo "42|RUNNING|gleaner-0123abcd-1128-${id}"`);
  program("scancel", "");
  process.env.PATH = `${folder}:${path}`;
  launcher = createPilotLauncher({
    node: process.execPath,
    executorProgram: "/opt/glean-executor.cjs",
    logDirectory: folder,
    slurmConf: null,
    binDirectory: folder,
    commandTimeoutMs: 30_000,
    runProgram: runAsChild,
    mungeSocket: null,
    uid: 1_000,
    instance: "0123abcd",
    partition: "gleaner",
    account: null,
    qos: null,
    validMs: 60_000,
  });
});
afterEach(async () => {
  await launcher.close();
  process.env.PATH = path;
  rmSync(folder, { recursive: true });
});

/** Reads all of its input, notes what it was asked, and does the rest. */
function program(name: string, rest: string): void {
  const script = `#!/bin/sh\n[ -t 0 ] || cat > /dev/null\necho "${name} $*" >> ${folder}/asked\n${rest}\n`;
  writeFileSync(join(folder, name), script);
  chmodSync(join(folder, name), 0o755);
}

/** The last command of a program. */
const lastAsked = (name: string): string | undefined =>
  readFileSync(join(folder, "asked"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith(name))
    .at(-1);

const launch = () => launcher.launch(n1, "n1", id, "{}\n", size);

test("a live pilot is probed and cancelled by its job id", async () => {
  await launch();
  expect(await launcher.probe(n1, "n1", id)).toBe("running");
  expect(lastAsked("squeue")).toContain("-j 42");
  await launcher.withdraw!(id);
  expect(lastAsked("scancel")).toBe("scancel -Q 42");
});

test("the job of a forgotten pilot is found by its name", async () => {
  await launch();
  launcher.forget!(id);
  await launcher.probe(n1, "n1", id);
  expect(lastAsked("squeue")).toContain("-u 1000 -p gleaner");
});

test("a pilot withdrawn while sbatch runs is cancelled and forgotten", async () => {
  const gate = join(folder, "gate");
  execFileSync("mkfifo", [gate]);
  program("sbatch", `cat ${gate}`);
  // Not in the queue before sbatch has it there.
  program("squeue", "");
  const launched = launch();
  const withdrawn = launcher.withdraw!(id);
  launcher.forget!(id);
  await writeFile(gate, "42\n");
  await Promise.all([launched, withdrawn]);
  expect(lastAsked("scancel")).toBe("scancel -Q 42");
  await launcher.probe(n1, "n1", id);
  expect(lastAsked("squeue")).toContain("-u 1000 -p gleaner");
});

test("a pilot that sbatch refused is reported, and searched for by its name", async () => {
  program("sbatch", "echo no such partition >&2; exit 1");
  await expect(launch()).rejects.toThrow("sbatch refused the pilot of n1 (no such partition)");
  await launcher.withdraw!(id);
  expect(lastAsked("squeue")).toContain("-u 1000 -p gleaner");
});

test("a pilot is not considered gone if squeue fails with status 0, as in 26.05", async () => {
  program("squeue", "echo 'squeue: error: Invalid user: nobody' >&2");
  expect(await launcher.probe(n1, "n1", id)).toBe("unknown");
  program("squeue", "");
  expect(await launcher.probe(n1, "n1", id)).toBe("gone");
});
