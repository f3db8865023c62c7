// gleaner.so, the hook as a plugin: does what the program does, always succeeds, and leaves nothing
// behind in its host.

import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { alive, epilog, prolog } from "../../support/executor/hook.js";
import { makePlugin } from "../../support/executor/plugin.js";
import { PluginNode } from "../../support/executor/plugin-host.js";

const asRoot = process.getuid?.() === 0 ? test : test.skip;
/** Success, nothing left in the host, and no complaint. */
const quiet = { status: 0, stdout: expect.stringMatching(/^\d+\n$/), stderr: "" };

let at: PluginNode;
beforeAll(makePlugin, 120_000);
beforeEach(() => {
  at = new PluginNode();
});
afterEach(() => at.remove());

test("the prolog requests the job's resources from the executor, and the epilog returns them", async () => {
  const lines = await at.listen((socket, line) =>
    socket.end(line.startsWith("end") ? "ok\n" : "freed 3 12\n"),
  );
  expect(await at.call({ ...prolog, SLURM_JOB_GPUS: "1,0" })).toEqual(quiet);
  expect(at.marks).toEqual(["12.1.0,1"]);
  expect(await at.call(epilog)).toEqual(quiet);
  expect(at.marks).toEqual([]);
  expect(lines).toEqual([expect.stringMatching(/^begin 12 1 0,1 2000 \d+\n$/), "end 12\n"]);
});

test("the whole node is freed if the job's CPUs are unknown", async () => {
  const { SLURM_JOB_CPUS_PER_NODE: _, ...rest } = prolog;
  expect(await at.call(rest)).toEqual(quiet);
  expect(at.marks).toEqual(["12.0.-"]);
});

test("a hanging executor is gone, with all its processes, before the plugin returns", async () => {
  at.configure(["answerMs=50"]);
  const tree = await at.startTree();
  await at.listen(() => undefined);
  expect(await at.call(prolog)).toEqual(quiet);
  expect(alive(tree)).toEqual([]);
});

test("a hanging child of the plugin ends at deadlineMs, the job starts, and slurmd logs it", async () => {
  at.configure(["answerMs=60000", "deadlineMs=1000"]);
  // A child that is stopped takes no timer: only the plugin's own wait ends it.
  const lines = await at.listen((socket) => {
    process.kill(at.hookPid(), "SIGSTOP");
    socket.on("close", () => undefined);
  });
  const result = await at.call(prolog);
  expect(lines).toHaveLength(1);
  expect(result).toMatchObject({
    status: 0,
    stderr: expect.stringContaining("the hook did not end well (late"),
  });
  expect(Number(result.stdout)).toBeGreaterThanOrEqual(1_000_000);
});

test("the plugin works within slurmstepd if it cannot start a process", async () => {
  const env = { ...prolog, SPANK_HOST_NO_FORK: "1" };
  const lines = await at.listen((socket) => socket.end("freed 0 0\n"));
  expect(await at.call(env)).toEqual(quiet);
  expect(at.marks).toEqual(["12.1.-"]);
  expect(lines).toHaveLength(1);
});

test("a crash of the plugin's child does not affect slurmstepd", async () => {
  await at.listen(() => process.kill(at.hookPid(), "SIGSEGV"));
  expect(await at.call(prolog)).toEqual({
    ...quiet,
    stderr: expect.stringContaining("the hook did not end well (ended, status 0x100)"),
  });
});

test("the plugin and the probe read the hook.conf that the argument names", async () => {
  const other = path.join(at.folder, "other.conf");
  const run = path.join(at.folder, "elsewhere");
  fs.writeFileSync(other, `runDir=${run}\n`, { mode: 0o644 });
  expect(await at.call(prolog, { arguments: ["conf=/none", "x"] })).toEqual(quiet);
  expect(await at.call(prolog, { arguments: [`conf=${other}`] })).toEqual(quiet);
  expect(fs.readdirSync(path.join(run, "n2", "jobs"))).toEqual(["12.1.-"]);
  const asked = await at.run(prolog, ["--probe", at.plugin, `conf=${other}`]);
  expect(asked.stderr).toContain(`${run}/n2/hook.sock`);
  expect((await at.run(prolog, ["--probe", at.plugin])).stderr).toContain(`${at.node}/hook.sock`);
});

describe("a run directory that is full", () => {
  const mounts: string[] = [];
  afterEach(() => {
    for (const folder of mounts.splice(0)) execFileSync("umount", ["-l", folder]);
  });

  asRoot.each(["program", "plugin"])("takes no mark, and the %s asks all the same", async (by) => {
    fs.rmSync(at.node, { recursive: true });
    execFileSync("mount", [
      "-t",
      "tmpfs",
      "-o",
      "size=64k,nr_inodes=5,mode=0700",
      "full",
      at.runDirectory,
    ]);
    mounts.push(at.runDirectory);
    fs.mkdirSync(path.join(at.node, "jobs"), { recursive: true, mode: 0o700 });
    const lines = await at.listen((socket) => socket.end("freed 0 0\n"));
    fs.writeFileSync(path.join(at.node, "last"), "");
    expect(() => fs.writeFileSync(path.join(at.node, "more"), "")).toThrow("ENOSPC");
    const run = by === "program" ? await at.run(prolog) : await at.call(prolog);
    expect(run).toMatchObject({ status: 0, stderr: "" });
    expect(lines).toHaveLength(1);
    expect(at.marks).toEqual([]);
    // The job that could not be marked leaves like any other.
    expect((await at.run(epilog)).status).toBe(0);
    expect(lines[1]).toBe("end 12\n");
  });
});

test("whatever the executor says, the sanitized plugin succeeds and leaves nothing behind", async () => {
  let answer = "";
  await at.listen((socket) => socket.end(answer));
  const part = fc.constantFrom("freed ", "1", " ", "\n", "\0", "999999999", "ok", "x".repeat(300));
  const said = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(""));
  const cpus = fc.string({ unit: fc.constantFrom(..."n019[]-,()x"), maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(said, cpus, fc.boolean(), async (text, list, begins) => {
      answer = text;
      const env = { ...(begins ? prolog : epilog), SLURM_JOB_CPUS_PER_NODE: list };
      expect(await at.call(env, { build: "asan" })).toEqual(quiet);
    }),
    { seed: 20261123, numRuns: 30 },
  );
}, 60_000);
