// glean-executor and Slurm's node hook: a batch job's resources are free when its prolog returns,
// whatever the executor does.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { suspend } from "../../../../scripts/cluster/processes/suspend.js";
import { isRunning, parseProcessMark } from "../../../../src/launch/process-mark.js";
import { executorId, jobId } from "../../../../src/model/ids.js";
import type { LaunchSpec } from "../../../../src/wire/launch.js";
import { closed } from "../../../support/closed.js";
import { Programs, TestNode, until, withoutCgroups } from "../../../support/executor/executor.js";

jest.setTimeout(600_000);
const programs = new Programs();
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip;
const cgroupsAreHere = existsSync("/sys/fs/cgroup/unified/cgroup.procs");

describeAsRoot("an executor and the node's hook", () => {
  let node: TestNode;
  beforeAll(() => programs.make());
  afterAll(() => programs.remove());
  const make = async (change: Partial<LaunchSpec> = {}, hook: string[] = []) => {
    node = await TestNode.make(programs, change, hook);
  };
  afterEach(async () => {
    expect(await node.remove()).toEqual([]);
  });
  const commands = (what: string) => node.processes().filter((each) => each.includes(what));

  test.each([
    ["cgroups", []],
    ["process groups", withoutCgroups],
  ])(
    "a job on a part of the node evicts only the youngest functions (%s)",
    async (_what, wrapper) => {
      await make();
      const ready = await node.start(wrapper);
      if (wrapper.length > 0) expect(ready.containment).toBe("processGroup");
      else if (cgroupsAreHere) expect(ready.containment).toBe("cgroup1");
      const stays = await node.run(node.order(["sleep", "1001"], { cores: 8 }));
      const goes = await node.run(
        node.shell("setsid sleep 1002 & trap '' TERM; echo up; sleep 1002", { cores: 8 }),
      );
      await node.prints(goes, "up");
      await until(() => commands("sleep 1002").length === 2);
      expect(await node.hook("prolog", 77, 4)).toBe(0);
      expect(commands("sleep 1002")).toEqual([]);
      expect(commands("sleep 1001")).toHaveLength(1);
      const report = await node.daemon.report(goes);
      expect(report).toMatchObject({ end: "EVICTED", signal: 9 });
      expect(report.reason).toContain("job 77");
      const began = await node.daemon.hears("jobBegan");
      expect(began).toMatchObject({
        sequence: 1,
        job: 77,
        cores: 4,
        gpus: [],
        evicted: [{ invocation: goes.invocation, attempt: 1 }],
        lostCoreMs: 8 * report.wallMs,
      });
      await node.daemon.hears("budget", (each) => each.budget.cores === 12);
      expect(node.daemon.heard.filter((each) => each.type === "ended")).toHaveLength(1);
      expect(stays.invocation).toBe(1);
    },
  );

  test("a job that takes only unused resources evicts nothing", async () => {
    await make();
    await node.start();
    await node.run(node.order(["sleep", "1000"], { cores: 12 }));
    expect(await node.hook("prolog", 5, 4)).toBe(0);
    expect(await node.daemon.hears("jobBegan")).toMatchObject({ evicted: [], lostCoreMs: 0 });
    expect(commands("sleep 1000")).toHaveLength(1);
  });

  test("the budget does not grow when a job leaves, but with the daemon's next order", async () => {
    await make();
    await node.start();
    await node.hook("prolog", 5, 10);
    await node.hook("epilog", 5, 10);
    expect(await node.daemon.hears("jobEnded")).toMatchObject({ job: 5, sequence: 2 });
    expect((await node.finish(node.order(["true"], { cores: 7 }))).end).toBe("EVICTED");
    const { budget } = node.spec.budget;
    node.daemon.send({ type: "budget", budget, seenHookSequence: 0, knownJobs: [] });
    expect((await node.finish(node.order(["true"], { cores: 16 }))).end).toBe("COMPLETED");
  });

  test("an order that could not know a job does not assign its cores", async () => {
    await make();
    await node.start();
    await node.hook("prolog", 5, 10);
    const { budget } = node.spec.budget;
    node.daemon.send({ type: "budget", budget, seenHookSequence: 0, knownJobs: [] });
    expect((await node.finish(node.order(["true"], { cores: 7 }))).end).toBe("EVICTED");
    node.daemon.send({ type: "budget", budget, seenHookSequence: 1, knownJobs: [] });
    expect((await node.finish(node.order(["true"], { cores: 7 }))).end).toBe("COMPLETED");
  });

  test("the executor leaves if a job takes everything, but delivers its reports", async () => {
    await make();
    await node.start();
    const order = await node.run(node.order(["sleep", "1000"], { cores: 16 }));
    expect(await node.hook("prolog", 9, 16)).toBe(0);
    expect(commands("sleep 1000")).toEqual([]);
    expect(await node.exited()).toBe(0);
    expect((await node.daemon.report(order)).end).toBe("EVICTED");
    expect(await node.daemon.hears("jobBegan")).toMatchObject({ job: 9 });
    expect((await node.daemon.hears("leaving")).reason).toContain("job 9");
    expect(readdirSync(node.nodeFolder)).toEqual(["jobs"]);
    expect([...node.processes(), ...node.groups()]).toEqual([]);
  });

  test.each([
    ["cgroups", []],
    ["process groups", withoutCgroups],
  ])(
    "a stopped executor is killed with all its functions, and the job starts in time (%s)",
    async (_what, wrapper) => {
      await make({}, ["answerMs=300"]);
      await node.start(wrapper);
      const order = await node.run(
        node.shell("setsid sleep 1000 & trap '' TERM; echo up; sleep 1000", { cores: 2 }),
      );
      await node.prints(order, "up");
      await suspend(node.pid);
      expect(await node.hook("prolog", 5, 1)).toBe(0);
      expect(commands("sleep")).toEqual([]);
      expect(await node.exited()).toBeNull();
      // Its cgroups are taken away by the next executor.
      const before = node.daemon.heard.length;
      node.launch();
      const ready = await node.daemon.hears("ready", () => true, before);
      expect(ready).toMatchObject({ markedJobs: [5], budget: { cores: 15 } });
    },
  );

  test("marks of earlier jobs reduce the budget until an order counts them, and only then can be removed", async () => {
    await make();
    const jobs = join(node.nodeFolder, "jobs");
    mkdirSync(jobs, { recursive: true, mode: 0o700 });
    for (const mark of ["40.3.-", "41.2.0", "nonsense"]) writeFileSync(join(jobs, mark), "");
    const ready = await node.start();
    expect(ready).toMatchObject({ budget: { cores: 11 }, hookSequence: 2 });
    expect([...ready.markedJobs].sort()).toEqual([40, 41]);
    const { budget } = node.spec.budget;
    node.daemon.send({ type: "forgetJobs", jobs: [jobId(40)] });
    node.daemon.send({ type: "budget", budget, seenHookSequence: 2, knownJobs: [] });
    await node.daemon.hears("budget", (each) => each.budget.cores === 16);
    expect(existsSync(join(jobs, "40.3.-"))).toBe(true);
    node.daemon.send({ type: "forgetJobs", jobs: [jobId(40)] });
    await until(() => !existsSync(join(jobs, "40.3.-")));
    expect(readdirSync(jobs).sort()).toEqual(["41.2.0", "nonsense"]);
  });

  test("a job known at the launch is not deducted twice, until Slurm requeues it there", async () => {
    const budget = { cores: 12, memoryMb: 8_000, gpus: [] };
    await make({ budget: { budget, seenHookSequence: 0, knownJobs: [jobId(40)] } });
    mkdirSync(join(node.nodeFolder, "jobs"), { recursive: true, mode: 0o700 });
    writeFileSync(join(node.nodeFolder, "jobs", "40.4.-"), "");
    expect(await node.start()).toMatchObject({ budget: { cores: 12 }, markedJobs: [40] });
    await node.hook("epilog", 40, 4);
    await node.hook("prolog", 40, 4);
    await node.daemon.hears("budget", (each) => each.budget.cores === 8);
    expect((await node.finish(node.order(["true"], { cores: 9 }))).end).toBe("EVICTED");
  });

  test("an executor whose marks leave nothing runs nothing until an order includes them", async () => {
    await make({ jobsArePinned: true });
    mkdirSync(join(node.nodeFolder, "jobs"), { recursive: true, mode: 0o700 });
    writeFileSync(join(node.nodeFolder, "jobs", "40.1.-"), "");
    expect(await node.start()).toMatchObject({
      budget: { cores: 0 },
      markedJobs: [40],
      hookSequence: 1,
    });
    expect((await node.finish(node.order(["true"]))).end).toBe("EVICTED");
    const budget = { cores: 3, memoryMb: 3_000, gpus: [] };
    node.daemon.send({ type: "budget", budget, seenHookSequence: 1, knownJobs: [] });
    await node.daemon.hears("budget", (each) => each.budget.cores === 3);
    expect((await node.finish(node.order(["true"]))).end).toBe("COMPLETED");
  });

  test("many jobs at once each find their cores free", async () => {
    await make();
    await node.start();
    for (let count = 0; count < 16; count++) await node.run(node.order(["sleep", "1000"]));
    const ids = [1, 2, 3, 4, 5, 6];
    const statuses = await Promise.all(ids.map((id) => node.hook("prolog", id, 2)));
    expect(statuses).toEqual(ids.map(() => 0));
    expect(commands("sleep 1000").filter((each) => !each.includes("glean-spawn"))).toHaveLength(4);
    await until(() => node.daemon.heard.filter((each) => each.type === "jobBegan").length === 6);
    const began = node.daemon.heard.filter((each) => each.type === "jobBegan");
    expect(began.flatMap((each) => each.evicted).length).toBeGreaterThanOrEqual(12);
    expect(began.map((each) => each.sequence).sort()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(began.every((each) => each.tookMs < 10_000)).toBe(true);
  });

  test("a client that sends nonsense is closed, and the hook is still served", async () => {
    await make();
    await node.start();
    for (const line of ["hello\n", `begin ${"9".repeat(300)}`, "begin 1 1 - 80\n"]) {
      const socket = connect(join(node.nodeFolder, "hook.sock"));
      const over = closed(socket);
      let said = "";
      socket.on("data", (piece) => {
        said += piece;
      });
      socket.write(line);
      await over;
      expect(said).toBe("");
    }
    expect(await node.hook("prolog", 5, 4)).toBe(0);
    expect(await node.daemon.hears("jobBegan")).toMatchObject({ job: 5, evicted: [] });
  });

  test("executor.pid has what the hook needs, and no file of the node has the secret", async () => {
    await make();
    await node.start();
    const text = readFileSync(join(node.nodeFolder, "executor.pid"), "utf8");
    expect(text).toMatch(new RegExp(`^pid=${node.pid}\nstartTicks=\\d+\nexecutor=x-1\n`));
    const mark = parseProcessMark(text)!;
    const stat = readFileSync(`/proc/${node.pid}/stat`, "latin1");
    expect(isRunning(mark, node.spec.executor, stat)).toBe(true);
    expect(isRunning(mark, executorId("x-2"), stat)).toBe(false);
    if (cgroupsAreHere) expect(text).toMatch(/\nkill=\/sys\/fs\/cgroup\/.*\/cgroup\.kill\n$/);
    const said = text + readFileSync(node.spec.logFile, "utf8");
    expect(said).not.toContain(node.spec.secret);
    expect(commands(node.spec.secret)).toEqual([]);
  });
});
