// An executor that is a Slurm job, without Slurm: its budget is the job's, its launch may arrive
// sealed, and at SIGTERM it leaves.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { readPilotJob, unseal } from "../../../../src/executor/pilot/pilot.js";
import { seal } from "../../../../src/launch/seal.js";
import { runAsChild } from "../../../../src/processes/run.js";
import { Munged } from "../../../support/daemon/munged.js";
import { Programs, TestNode, until } from "../../../support/executor/executor.js";

const job = { SLURM_JOB_ID: "77", SLURM_CPUS_ON_NODE: "4", SLURM_MEM_PER_NODE: "1128" };
const asJob = ["env", ...Object.entries(job).map(([name, value]) => `${name}=${value}`)];
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip;

describe("the job of a process", () => {
  test("offers functions all resources but the executor's own", () => {
    const budget = { cores: 4, memoryMb: 1_000, gpus: [] };
    expect(readPilotJob(job)).toEqual({ id: 77, budget });
    expect(readPilotJob({ ...job, SLURM_MEM_PER_NODE: "129" }).budget.memoryMb).toBe(1);
  });

  test.each([
    { SLURM_JOB_ID: undefined },
    { SLURM_JOB_ID: "0" },
    { SLURM_JOB_ID: "x7" },
    { SLURM_JOB_ID: "7x" },
    { SLURM_CPUS_ON_NODE: undefined },
    { SLURM_CPUS_ON_NODE: "-1" },
    { SLURM_MEM_PER_NODE: undefined },
    { SLURM_MEM_PER_NODE: "128" },
    { SLURM_MEM_PER_NODE: "99999999999" },
  ])("does not exist with %j", (change) => {
    expect(() => readPilotJob({ ...job, ...change })).toThrow(
      expect.objectContaining({
        code: "LAUNCH",
        message: expect.stringMatching(/SLURM_JOB_ID.*gleanerd/),
      }),
    );
  });
});

describe("a sealed launch", () => {
  const munged = new Munged();
  const { socket } = munged;
  beforeAll(() => munged.start());
  afterAll(() => munged.stop());
  const options = {
    mungeSocket: socket,
    uid: process.geteuid!(),
    validMs: 60_000,
    runProgram: runAsChild,
  };
  const munge = (input: string, account = {}) =>
    execFileSync("munge", [`--socket=${socket}`], { input, encoding: "utf8", ...account });

  test("is opened once, with its whole content", async () => {
    const sealed = await seal('{"a":"\\n\\nb"}\n', options);
    expect(await unseal(sealed, socket)).toBe('{"a":"\\n\\nb"}\n');
    await expect(unseal(sealed, socket)).rejects.toMatchObject({
      code: "LAUNCH",
      message: expect.stringMatching(/Replayed credential/),
    });
  });

  test("made for another purpose, or by another user, is refused", async () => {
    const refused = {
      code: "LAUNCH",
      message: expect.stringMatching(/another user sealed the launch/),
    };
    await expect(unseal(munge("{}\n"), socket)).rejects.toMatchObject(refused);
    if (process.getuid?.() !== 0) return;
    const theirs = munge("gleaner-pilot\n{}\n", { uid: 65_534, gid: 65_534 });
    await expect(unseal(theirs, socket)).rejects.toMatchObject(refused);
  });

  test("that is invalid, or without a munged, names munge in the error", async () => {
    await expect(unseal("MUNGE:xyz:", socket)).rejects.toMatchObject({
      code: "LAUNCH",
      message: expect.stringMatching(/munge cannot open the launch: .+decode/),
    });
    const sealed = await seal("{}\n", options);
    await expect(unseal(sealed, `${socket}.none`)).rejects.toMatchObject({
      code: "LAUNCH",
      message: expect.stringMatching(/munge cannot open the launch: .+munged is running/),
    });
  });
});

describeAsRoot("a pilot's executor", () => {
  const programs = new Programs();
  let node: TestNode;
  beforeAll(() => programs.make());
  afterAll(() => programs.remove());
  afterEach(async () => {
    expect(await node.remove()).toEqual([]);
  });
  const make = async (idleMs: number) => {
    node = await TestNode.make(programs, { pilot: { idleMs } });
  };
  /** On SIGTERM the executor kills itself; its supervisors and glean-spawn end a moment later. */
  const endAtOnce = async () => {
    node.signal("SIGTERM");
    expect(await node.exited()).toBeNull();
    await until(() => node.processes().length === 0);
  };

  test("has the job's resources, whatever the daemon assumes, and runs commands", async () => {
    await make(60_000);
    const ready = await node.start(asJob);
    expect(ready.budget).toMatchObject({ cores: 4, memoryMb: 1_000, gpus: [] });
    const less = { budget: { cores: 1, memoryMb: 10, gpus: [] }, seenHookSequence: 0 };
    node.daemon.send({ type: "budget", ...less, knownJobs: [] });
    const report = await node.finish(node.shell("echo here", { cores: 4, memoryMb: 1_000 }));
    expect(report).toMatchObject({ end: "COMPLETED", exitCode: 0 });
    await endAtOnce();
  });

  test("reports on SIGTERM what Slurm evicted and the cost, and exits with its commands", async () => {
    await make(60_000);
    await node.start(asJob);
    const order = await node.run(node.order(["sleep", "1000"], { cores: 3 }));
    await until(() => node.processes().some((each) => each.includes("sleep 1000")));
    const ended = endAtOnce();
    const told = await node.daemon.hears("preempted");
    expect(told).toMatchObject({
      job: 77,
      evicted: [{ invocation: order.invocation, attempt: 1, end: "EVICTED", exitCode: null }],
    });
    const { wallMs, reason } = told.evicted[0]!;
    expect(reason).toMatch(/Slurm ended pilot job 77/);
    expect(wallMs).toBeGreaterThan(0);
    expect(Math.abs(told.lostCoreMs - 3 * wallMs)).toBeLessThanOrEqual(3);
    await ended;
  });

  test("leaves when it has no work for its idle time, but not while it works", async () => {
    await make(400);
    await node.start(asJob);
    expect((await node.finish(node.order(["sleep", "1"]))).end).toBe("COMPLETED");
    expect(await node.daemon.hears("leaving")).toMatchObject({
      reason: expect.stringMatching(/no work for 400 ms/),
    });
    expect(await node.exited()).toBe(0);
  });

  test("leaves in order on SIGINT", async () => {
    await make(60_000);
    await node.start(asJob);
    node.signal("SIGINT");
    expect(await node.daemon.hears("leaving")).toMatchObject({
      reason: expect.stringMatching(/SIGINT/),
    });
    expect(await node.exited()).toBe(0);
  });

  test("removes the folder of one that was killed, and no other", async () => {
    const folder = mkdtempSync(join(tmpdir(), "glean-pilots-"));
    const [running, starting] = ["gleaner-pilot-running", "gleaner-pilot-starting"];
    for (const name of [running, starting]) mkdirSync(join(folder, name));
    const server = createServer().listen(join(folder, running, "workers.sock"));
    await once(server, "listening");
    try {
      await make(60_000);
      await node.start([...asJob, `TMPDIR=${folder}`]);
      node.signal("SIGKILL");
      await node.exited();
      await until(() => node.processes().length === 0);
      const left = readdirSync(folder).filter((name) => ![running, starting].includes(name));
      expect(left).toHaveLength(1);
      expect(await node.remove()).toEqual([]);
      await make(60_000);
      await node.start([...asJob, `TMPDIR=${folder}`]);
      const names = readdirSync(folder);
      await endAtOnce();
      expect(names).toEqual(expect.arrayContaining([running, starting]));
      expect(names).toHaveLength(3);
      expect(names).not.toEqual(expect.arrayContaining(left));
    } finally {
      server.close();
      rmSync(folder, { recursive: true });
    }
  });

  test("refuses to start outside a job", async () => {
    await make(60_000);
    node.launch(["env", "-u", "SLURM_JOB_ID"]);
    expect(await node.exited()).toBe(1);
    expect(node.stderr).toMatch(/^glean-executor: .*SLURM_JOB_ID/);
  });

  test("opens a sealed launch with the munge socket that its script names", async () => {
    await make(60_000);
    const munged = new Munged();
    munged.start();
    try {
      const options = {
        mungeSocket: munged.socket,
        uid: process.geteuid!(),
        validMs: 60_000,
        runProgram: runAsChild,
      };
      const sealed = await seal(`${JSON.stringify(node.spec)}\n`, options);
      const program = join(programs.folder, "glean-executor.cjs");
      const args = [program, `--munge-socket=${munged.socket}`];
      const child = spawn(process.execPath, args, {
        stdio: ["pipe", "ignore", "pipe"],
        env: { ...process.env, ...job },
      });
      const complaints = text(child.stderr);
      child.stdin.end(`${sealed}\n`);
      expect(await node.daemon.hears("ready")).toMatchObject({ budget: { cores: 4 } });
      const exited = once(child, "exit");
      child.kill("SIGINT");
      expect(await exited).toEqual([0, null]);
      expect(await complaints).toBe("");
    } finally {
      munged.stop();
    }
  });
});
