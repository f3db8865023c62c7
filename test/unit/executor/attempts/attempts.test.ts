// glean-executor and its attempts: real processes of another user, their limits, their ends, and
// what they leave behind.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { noIsolation } from "../../../../src/wire/isolation.js";
import type { LaunchSpec } from "../../../../src/wire/launch.js";
import { Programs, TestNode, until, withoutCgroups } from "../../../support/executor/executor.js";
import { parentOf } from "../../../support/executor/python-family.js";

jest.setTimeout(600_000);
const programs = new Programs();
const pidsAreHere = existsSync("/sys/fs/cgroup/pids/cgroup.procs");
const memoryIsHere = ["memory/cgroup.procs", "cgroup.controllers"].some((file) =>
  existsSync(join("/sys/fs/cgroup", file)),
);
const withoutPids = [
  ...["/usr/bin/unshare", "-m", "sh", "-c"],
  'if [ -e /sys/fs/cgroup/pids/cgroup.procs ]; then umount /sys/fs/cgroup/pids; fi && exec "$@"',
  "sh",
];
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip;

describeAsRoot("an executor's attempts", () => {
  let node: TestNode;
  beforeAll(() => programs.make());
  afterAll(() => programs.remove());
  const start = async (change: Partial<LaunchSpec> = {}, wrapper: readonly string[] = []) => {
    node = await TestNode.make(programs, change);
    return await node.start(wrapper);
  };
  afterEach(async () => {
    expect(await node.remove()).toEqual([]);
  });

  test("run as the user, in the directory, with the environment, into the files", async () => {
    const ready = await start();
    expect(ready).toMatchObject({ hookProblem: null, pid: node.pid, hookSequence: 0 });
    expect(ready.budget).toEqual(node.spec.budget.budget);
    const order = node.shell('id -u; pwd; echo "$GREETING"; env | wc -l; exit 3', {
      environment: { GREETING: "a b=c", PATH: "/usr/bin:/bin" },
    });
    const report = await node.finish(order);
    expect(report).toMatchObject({ end: "FAILED", exitCode: 3, signal: null, reason: null });
    expect(node.output(order).split("\n").slice(0, 3)).toEqual(["65534", node.work, "a b=c"]);
    expect(statSync(order.stdoutPath).uid).toBe(65_534);
    expect(await node.finish(node.order(["true"]))).toMatchObject({
      end: "COMPLETED",
      exitCode: 0,
    });
  });

  test("have the usual umask, whatever the executor's own is", async () => {
    await start({}, ["sh", "-c", 'umask 077 && exec "$@"', "sh"]);
    const order = node.shell("umask; touch made");
    expect(await node.finish(order)).toMatchObject({ end: "COMPLETED" });
    expect(node.output(order)).toBe("0022\n");
    for (const file of [order.stdoutPath, join(node.work, "made")])
      expect(statSync(file).mode & 0o777).toBe(0o644);
  });

  test("cannot access what the site hides", async () => {
    const directory = "/var/tmp";
    await start({
      isolation: { ...noIsolation, privateDirectories: [directory], rareSystemCalls: false },
    });
    const order = node.shell(`ls -A ${directory} | wc -l; grep -c "^Seccomp:.2" /proc/self/status`);
    expect(await node.finish(order)).toMatchObject({ end: "COMPLETED" });
    expect(node.output(order)).toBe("0\n1\n");
    const lost = node.order(["true"], { stdoutPath: `${directory}/gleaner-test.out` });
    expect((await node.finish(lost)).reason).toMatch(/gleaner-test.out would be lost/);
  });

  test("that wait for their output hold their cores, and that time is measured", async () => {
    await start();
    const pipe = join(node.work, "pipe");
    execFileSync("mkfifo", ["-m", "666", pipe]);
    const order = node.order(["true"], { stdoutPath: pipe, stderrPath: pipe, timeLimitMs: 700 });
    const report = await node.finish(order);
    expect(report).toMatchObject({ end: "TIMEOUT" });
    expect(report.wallMs).toBeGreaterThanOrEqual(650);
  });

  test("whose command cannot start fail with a sentence", async () => {
    await start();
    const missing = await node.finish(node.order(["true"], { workingDirectory: "/no/such" }));
    expect(missing).toMatchObject({ end: "FAILED", exitCode: null });
    expect(missing.reason).toContain("/no/such");
    const unknown = await node.finish(node.order(["no-such-program"]));
    expect(unknown.reason).toContain("no-such-program");
    const long = await node.finish(node.order(["echo", "x".repeat(131_072)]));
    expect(long).toMatchObject({ end: "FAILED", exitCode: constants.errno.E2BIG });
    expect(long.reason).toMatch(
      /^argument 1 has 131072 bytes, but the kernel accepts at most 131071/,
    );
  });

  test("ordered twice are started once, and their report is sent again", async () => {
    await start();
    node.daemon.records = false;
    const order = node.shell("echo once >> count; sleep 0.2");
    node.daemon.send({ type: "start", order });
    node.daemon.send({ type: "start", order });
    await node.daemon.report(order);
    const before = node.daemon.heard.length;
    node.daemon.send({ type: "start", order });
    await node.daemon.report(order, before);
    expect(execFileSync("cat", [join(node.work, "count")]).toString()).toBe("once\n");
    node.daemon.records = true;
    node.daemon.send({ type: "recorded", key: order });
  });

  test("that have no room go back to the queue", async () => {
    await start();
    await node.run(node.order(["sleep", "1000"], { cores: 12 }));
    const report = await node.finish(node.order(["true"], { cores: 5 }));
    expect(report).toMatchObject({ end: "EVICTED", reason: "its resources were taken meanwhile" });
    const memory = await node.finish(node.order(["true"], { memoryMb: 8_000 }));
    expect(memory.end).toBe("EVICTED");
    expect((await node.finish(node.order(["true"], { cores: 4 }))).end).toBe("COMPLETED");
  });

  test("over their memory end OUT_OF_MEMORY, while others continue", async () => {
    await start();
    const other = await node.run(node.order(["sleep", "1000"]));
    const hungry = node.order(["/usr/bin/perl", "-e", '$x = "x" x 300_000_000; sleep 1000']);
    expect(await node.finish(hungry)).toMatchObject({ end: "OUT_OF_MEMORY" });
    node.daemon.send({ type: "cancel", key: other });
    expect((await node.daemon.report(other)).end).toBe("CANCELLED");
  });

  (memoryIsHere ? test : test.skip)(
    "that the kernel kills within their memory, because others took the node's, wait again, as do all others there",
    async () => {
      // More than any machine has: the node is short of it.
      const memoryMb = 2 ** 30;
      const budget = { cores: 16, memoryMb: 2 * memoryMb, gpus: [] };
      await start({ budget: { budget, seenHookSequence: 0, knownJobs: [] } });
      const other = await node.run(node.order(["sleep", "1000"]));
      const go = join(node.work, "go");
      const grows = `select undef, undef, undef, 0.01 until -e "${go}"; $x = "x" x 300_000_000; sleep 1000`;
      const key = await node.run(node.order(["/usr/bin/perl", "-e", grows], { memoryMb }));
      writeFileSync(node.memoryLimitFile, String(100 * 1024 * 1024)); // in place of a full node
      writeFileSync(go, "");
      expect(await node.daemon.report(key)).toMatchObject({
        end: "EVICTED",
        reason: expect.stringMatching(
          /^the kernel killed it, within its limit of 1073741824 MB \(peak/,
        ),
      });
      const { heard } = node.daemon;
      const departing = heard.findIndex((each) => each.type === "departing" && each.nodeIsFull);
      expect(departing).toBeGreaterThan(0);
      expect(departing).toBeLessThan(heard.findIndex(({ type }) => type === "ended"));
      const noMemory = "its node has no memory left";
      expect(await node.daemon.report(other)).toMatchObject({ end: "EVICTED", reason: noMemory });
      const refused = await node.finish(node.order(["true"]));
      expect(refused).toMatchObject({ end: "EVICTED", wallMs: 0 });
    },
  );

  // Stops before 1,000: where the limit does not hold, the machine of the test must not suffer.
  const forkUntilRefused = `/usr/bin/perl -e '
    while ($n < 1000) { $pid = fork; last unless defined $pid; sleep 1000 unless $pid; $n++ }
    print "$n\\n"; $n < 1000 or sleep 1000'`;

  (pidsAreHere ? test : test.skip)("hold no more processes than their cores allow", async () => {
    const { budget } = await start();
    const order = node.shell(forkUntilRefused, { cores: 2, memoryMb: 2_000 });
    expect(await node.finish(order)).toMatchObject({ end: "COMPLETED" });
    expect(node.output(order)).toBe("190\n"); // the shell and the parent make 192
    const most = join(node.pidsGroup, "work", "pids.max");
    const ofNode = Number(readFileSync("/proc/sys/kernel/pid_max", "utf8"));
    const limitNow = () => Number(readFileSync(most, "utf8"));
    expect(limitNow()).toBe(Math.min(128 * budget.cores, Math.floor(ofNode / 4)));
    const smaller = { cores: 3, memoryMb: 3_000, gpus: [] };
    node.daemon.send({ type: "budget", budget: smaller, seenHookSequence: 0, knownJobs: [] });
    await node.daemon.hears("budget", (each) => each.budget.cores === 3);
    expect(limitNow()).toBe(384);
  });

  test.each([
    ["there are no cgroups", withoutCgroups],
    ["the cgroups lack it", withoutPids],
  ])("hold no more processes than the limit where %s", async (_where, wrapper) => {
    await start({}, wrapper);
    const report = await node.finish(node.shell(forkUntilRefused, { memoryMb: 4_000 }));
    expect(report).toMatchObject({
      end: "FAILED",
      signal: 9,
      reason: "it exceeded 128 processes and threads, the limit for its number of cores",
    });
  });

  test("over their time limit get SIGTERM, then SIGKILL", async () => {
    await start({ killWaitMs: 2_000 });
    const stubborn = node.shell("trap '' TERM; echo ready; while :; do sleep 1; done", {
      timeLimitMs: 3_000,
    });
    const report = await node.finish(stubborn);
    expect(report).toMatchObject({ end: "TIMEOUT", signal: 9 });
    expect(report.wallMs).toBeGreaterThanOrEqual(5_000);
    expect(report.reason).toContain("3000 ms");
  });

  test("over their time limit may still exit by themselves", async () => {
    await start({ killWaitMs: 60_000 });
    // Long enough for a shell of idle priority to set its trap beside any load.
    const polite = node.shell("trap 'echo bye; exit 7' TERM; while :; do sleep 0.05; done", {
      timeLimitMs: 10_000,
    });
    expect(await node.finish(polite)).toMatchObject({ end: "TIMEOUT", exitCode: 7, signal: null });
    expect(node.output(polite)).toContain("bye");
  });

  test("that are cancelled end together with their detached grandchildren", async () => {
    await start();
    const order = node.shell(
      "(setsid sh -c 'setsid sleep 1000 & setsid sleep 1000 &' &) ; echo ready; sleep 1000",
    );
    await node.run(order);
    await node.prints(order, "ready");
    await until(() => node.processes().filter((each) => each.includes("sleep 1000")).length === 3);
    node.daemon.send({ type: "cancel", key: order });
    expect((await node.daemon.report(order)).end).toBe("CANCELLED");
    expect(node.processes().filter((each) => each.includes("sleep"))).toEqual([]);
  });

  test("get the signals that gleanerd passes on, and end as these make them", async () => {
    await start();
    const order = node.shell("trap 'echo told' USR1; echo ready; while :; do sleep 0.05; done");
    await node.run(order);
    await node.prints(order, "ready");
    node.daemon.send({ type: "signal", key: order, signal: 10, to: "script" });
    await node.prints(order, "told");
    node.daemon.send({ type: "signal", key: order, signal: 15, to: "all" });
    expect(await node.daemon.report(order)).toMatchObject({ end: "FAILED", signal: 15 });
  });

  test("are evicted when an order makes the budget smaller, the youngest first", async () => {
    await start();
    const old = await node.run(node.order(["sleep", "1000"], { cores: 8 }));
    const young = await node.run(node.order(["sleep", "1000"], { cores: 8 }));
    const budget = { cores: 8, memoryMb: 8_000, gpus: [] };
    node.daemon.send({ type: "budget", budget, seenHookSequence: 0, knownJobs: [] });
    expect(await node.daemon.report(young)).toMatchObject({ end: "EVICTED", signal: 9 });
    await node.daemon.hears("budget", (each) => each.budget.cores === 8);
    expect(
      node.daemon.heard.some(
        (each) => each.type === "ended" && each.report.invocation === old.invocation,
      ),
    ).toBe(false);
    node.daemon.send({
      type: "budget",
      budget: { ...budget, cores: 16 },
      seenHookSequence: 0,
      knownJobs: [],
    });
    await node.run(node.order(["sleep", "1000"], { cores: 8 }));
  });

  test("are killed as soon as the executor is killed", async () => {
    await start();
    await node.run(node.shell("setsid sleep 1000 & trap '' TERM; sleep 1000"));
    node.signal("SIGKILL");
    await node.exited();
    await until(() => node.processes().length === 0);
    // What it left is taken over by the next one.
    expect(node.groups().length).toBeGreaterThan(0);
    const before = node.daemon.heard.length;
    node.launch();
    await node.daemon.hears("ready", () => true, before);
    expect((await node.finish(node.order(["true"]))).end).toBe("COMPLETED");
  });

  test.each(["supervisor", "server"])(
    "whose %s is killed are lost, none of their processes remain, and others run",
    async (which) => {
      await start();
      const order = await node.run(node.order(["sleep", "1000"]));
      const lines = node.processes().filter((each) => each.includes("glean-spawn"));
      const spawners = lines.map((line) => Number.parseInt(line, 10));
      expect(spawners).toHaveLength(2);
      // A supervisor is its server's child.
      const isServer = (pid: number) => !spawners.includes(parentOf(pid));
      process.kill(spawners.find((pid) => isServer(pid) === (which === "server"))!, "SIGKILL");
      expect((await node.daemon.report(order)).end).toBe("LOST");
      expect(node.processes().filter((each) => each.includes("sleep"))).toEqual([]);
      expect((await node.finish(node.order(["true"]))).end).toBe("COMPLETED");
    },
  );

  test("without glean-spawn fail before they begin, with a reason, and the executor continues", async () => {
    await start({ spawnProgram: "/no/such/glean-spawn" });
    const report = await node.finish(node.order(["true"]));
    const startFailure = { stage: "start", errno: 2 };
    expect(report).toMatchObject({ end: "FAILED", wallMs: 0, startFailure });
    expect(report.reason).toContain("/no/such/glean-spawn");
    await node.daemon.hears("ready");
    expect((await node.finish(node.order(["true"], { cores: 16 }))).end).toBe("FAILED");
  });

  test("finish in a drain, after which the executor leaves", async () => {
    await start();
    const order = await node.run(node.shell("while [ ! -e go ]; do sleep 0.02; done"));
    node.daemon.send({ type: "drain", reason: "enough" });
    expect(await node.finish(node.order(["true"]))).toMatchObject({ end: "EVICTED" });
    writeFileSync(join(node.work, "go"), "");
    expect((await node.daemon.report(order)).end).toBe("COMPLETED");
    expect(await node.exited()).toBe(0);
    expect(await node.daemon.hears("leaving")).toMatchObject({ reason: "enough" });
    expect(readdirSync(node.nodeFolder)).toEqual([]);
  });

  test("are evicted by a stop, after which no process is left", async () => {
    await start();
    const order = await node.run(node.order(["sleep", "1000"]));
    node.daemon.send({ type: "stop", reason: "kill switch" });
    expect(await node.daemon.report(order)).toMatchObject({
      end: "EVICTED",
      reason: "kill switch",
    });
    expect(await node.exited()).toBe(0);
    expect([...node.processes(), ...node.groups()]).toEqual([]);
  });

  test("survive a lost daemon, and their ends are reported until they are recorded", async () => {
    await start();
    node.daemon.records = false;
    const told = node.order(["true"]);
    await node.finish(told);
    const waiting = await node.run(node.shell("while [ ! -e go ]; do sleep 0.02; done"));
    const running = await node.run(node.order(["sleep", "1000"]));
    await node.daemon.stop();
    writeFileSync(join(node.work, "go"), "");
    // The server, and the supervisor of what still runs.
    await until(() => node.processes().filter((each) => each.includes("glean-spawn")).length === 2);
    const before = node.daemon.heard.length;
    node.daemon.records = true;
    await node.daemon.listen();
    const ready = await node.daemon.hears("ready", () => true, before);
    expect(ready.answersFor).toEqual(
      [running, told, waiting].map(({ invocation }) => ({ invocation, attempt: 1 })),
    );
    expect(await node.daemon.report(told, before)).toMatchObject({ end: "COMPLETED" });
    expect(await node.daemon.report(waiting, before)).toMatchObject({ end: "COMPLETED" });
  });

  test("end with their executor if there is no daemon for long", async () => {
    await start({ orphanMs: 300 });
    await node.run(node.order(["sleep", "1000"]));
    await node.daemon.stop();
    expect(await node.exited()).toBe(0);
    expect([...node.processes(), ...node.groups()]).toEqual([]);
  });

  test("are refused where the hook does not find the executor", async () => {
    const ready = await start({ hookProgram: "/bin/false" });
    expect(ready.hookProblem).toContain("/bin/false");
    expect(ready.budget.cores).toBe(0);
    const report = await node.finish(node.order(["true"]));
    expect(report).toMatchObject({ end: "EVICTED", reason: ready.hookProblem });
  });

  test("are not started by a second executor on the same node", async () => {
    await start();
    const second = await TestNode.make(programs, {
      runDirectory: node.spec.runDirectory,
      daemonPort: node.spec.daemonPort,
    });
    second.launch();
    expect(await second.exited()).toBe(1);
    expect(second.stderr).toContain(`(pid ${node.pid}) is running`);
    expect((await node.finish(node.order(["true"]))).end).toBe("COMPLETED");
    await second.remove();
  });

  test("get no GPU if the node's device files do not match Slurm's number of GPUs", async () => {
    const budget = { cores: 4, memoryMb: 1_000, gpus: [0, 1] };
    const order = { budget, seenHookSequence: 0, knownJobs: [] };
    node = await TestNode.make(programs, { gpuTotal: 2, budget: order });
    Object.assign(node.spec, { gpuDevices: join(node.folder, "nvidia") });
    writeFileSync(join(node.folder, "nvidia0"), "");
    expect((await node.start()).budget).toEqual({ ...budget, gpus: [] });
    const { reason } = await node.daemon.hears("gpusUnused");
    expect(reason).toContain("Slurm counts 2 GPUs, but the node has 1 file");
    const after = node.daemon.heard.length;
    node.daemon.send({ type: "budget", ...order });
    expect((await node.daemon.hears("budget", undefined, after)).budget.gpus).toEqual([]);
  });

  test("are not started by an invalid launch, whose field is named", async () => {
    node = await TestNode.make(programs, { totalCores: 0 });
    node.launch();
    expect(await node.exited()).toBe(1);
    expect(node.stderr).toBe(
      "glean-executor: the launch.totalCores must be a whole number from 1 to 65536\n",
    );
  });

  test("are not started from a folder that others can write to", async () => {
    node = await TestNode.make(programs);
    mkdirSync(node.spec.runDirectory);
    chmodSync(node.spec.runDirectory, 0o777);
    node.launch();
    expect(await node.exited()).toBe(1);
    expect(node.stderr).toContain("may write to");
    expect(existsSync(node.nodeFolder)).toBe(false);
  });
});
