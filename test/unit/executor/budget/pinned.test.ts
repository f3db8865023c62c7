// glean-executor beside pinned jobs: functions freeze until it knows which cores a job has, and
// continue on others; GPUs.

import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { isGone } from "../../../../scripts/cluster/processes/gone.js";
import { topologyFile } from "../../../../src/executor/node/cpu-map.js";
import { invocationId, jobId } from "../../../../src/model/ids.js";
import type { Resources } from "../../../../src/model/resources.js";
import type { LaunchSpec } from "../../../../src/wire/launch.js";
import type { AttemptOrder } from "../../../../src/wire/messages.js";
import { resultOf } from "../../../support/executor/calling-node.js";
import { Programs, TestNode, until, withoutCgroups } from "../../../support/executor/executor.js";
import { groupOf, isFrozen } from "../../../support/executor/frozen.js";
import { callOrder, codeOf, handOut } from "../../../support/executor/function-code.js";

jest.setTimeout(600_000);
const programs = new Programs();
const machineCpuCount = cpus().length;
/** Where the second version of cgroups is mounted. */
const unified = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].find((folder) =>
  existsSync(join(folder, "cgroup.controllers")),
)!;
const isHere =
  process.getuid?.() === 0 && existsSync("/sys/fs/cgroup/cpuset") && machineCpuCount > 1;
const describeHere = isHere ? describe : describe.skip;

describeHere("an executor where jobs are pinned", () => {
  let node: TestNode;
  beforeAll(() => programs.make());
  afterAll(() => programs.remove());
  afterEach(async () => expect(await node.remove()).toEqual([]));

  /** On a node whose slurmd found the machine's CPUs in their own order. */
  const make = async (change: Partial<LaunchSpec> = {}) => {
    node = await TestNode.make(programs, {
      jobsArePinned: true,
      cpuTotal: machineCpuCount,
      ...change,
    });
    const cores = cpus().map((_, id) => `<object type="Core"><object type="PU" os_index="${id}"/>`);
    const spool = join(node.spec.runDirectory, "../spool");
    mkdirSync(spool);
    writeFileSync(
      join(spool, topologyFile),
      cores.join("").replaceAll('"Core"', '"Core" os_index="0"'),
      { mode: 0o644 },
    );
    (node.spec as { topologyFolder: string }).topologyFolder = spool;
  };
  const told = (budget: Partial<Resources>, seenHookSequence: number) =>
    node.daemon.send({
      type: "budget",
      budget: { cores: 8, memoryMb: 8_000, gpus: [], ...budget },
      seenHookSequence,
      knownJobs: [],
    });
  /** Writes a line with its CPUs again and again, until its folder has a file `stop`. */
  const ticking = () =>
    node.run(
      node.shell(
        `until [ -e ${node.work}/stop ]; do grep Cpus_allowed_list: /proc/self/status; sleep 0.02; done`,
      ),
    );
  const lines = (order: AttemptOrder) =>
    existsSync(order.stdoutPath) ? node.output(order).trimEnd().split("\n") : [];
  const more = async (order: AttemptOrder) => {
    const { length } = lines(order);
    await until(() => lines(order).length > length + 1);
    return lines(order)
      .at(-1)!
      .replace(/^.*:\s*/, "");
  };
  const stop = async (order: AttemptOrder) => {
    writeFileSync(join(node.work, "stop"), "");
    return node.daemon.report(order);
  };

  test("functions that fit beside a new job freeze when its prolog returns, and continue on the cores ordered", async () => {
    await make();
    await node.start();
    const order = await ticking();
    const everywhere = await more(order);
    expect(await node.hook("prolog", 40, 8)).toBe(0);
    const still = lines(order).length;
    // What it holds, and no core that the daemon could give to another.
    await node.daemon.hears("budget", (each) => each.budget.cores === 1);
    expect((await node.finish(node.order(["true"]))).reason).toContain("the cores of a new job");
    expect(lines(order)).toHaveLength(still);
    told({ cpuIds: [1], cores: 1 }, 1);
    expect(await more(order)).toBe("1");
    expect(readFileSync(`/proc/${node.pid}/status`, "utf8")).toMatch(/Cpus_allowed_list:\t1\n/);
    told({}, 1);
    await until(() => lines(order).at(-1)!.endsWith(`\t${everywhere}`));
    expect(await stop(order)).toMatchObject({ end: "COMPLETED" });
  });

  test("a parent of Python workers freezes too, in the middle of its import, and continues there", async () => {
    await make();
    await node.start();
    const code = await codeOf(
      {
        "handler.py": `import os, time
def handler(event): return len(os.sched_getaffinity(0))
with open("${node.work}/ticks", "a", buffering=1) as file:
    while not os.path.exists("${node.work}/stop"):
        print(len(os.sched_getaffinity(0)), file=file)
        time.sleep(0.01)`,
      },
      { runtime: "python" },
    );
    void handOut(node.daemon, code);
    const call = callOrder(code, null, { invocation: invocationId(1_000) });
    const ticks = () =>
      existsSync(`${node.work}/ticks`) ? readFileSync(`${node.work}/ticks`, "utf8") : "";
    const tick = async () => {
      const { length } = ticks();
      await until(() => ticks().length > length + 2);
    };
    node.daemon.send({ type: "start", order: call });
    await tick();
    const parents = () => node.processes().filter((line) => line.includes("--parent"));
    const before = parents();
    expect(before).toHaveLength(1);
    expect(await node.hook("prolog", 40, 8)).toBe(0);
    const still = ticks();
    await node.daemon.hears("budget", (each) => each.budget.cores === 1);
    // Long enough for twenty ticks.
    await pause(200);
    expect(ticks()).toBe(still);
    told({ cpuIds: [1], cores: 1 }, 1);
    await tick();
    expect(parents()).toEqual(before);
    writeFileSync(join(node.work, "stop"), "");
    expect(resultOf(await node.daemon.report(call))).toBe(1);
  });

  test("an older order that did not know the job thaws nothing; the job's end does", async () => {
    await make();
    await node.start();
    const order = await ticking();
    await node.hook("prolog", 40, 8);
    const still = lines(order).length;
    told({ cores: 16 }, 0);
    await node.daemon.hears("budget", (each) => each.budget.cores === 1);
    expect(lines(order)).toHaveLength(still);
    await node.hook("epilog", 40, 8);
    await more(order);
    const report = await stop(order);
    expect(report.end).toBe("COMPLETED");
  });

  test("a frozen function can be cancelled, or evicted by the next job", async () => {
    await make();
    await node.start();
    const [one, two] = [await ticking(), await ticking()];
    await node.hook("prolog", 40, 8);
    node.daemon.send({ type: "cancel", key: { invocation: one.invocation, attempt: 1 } });
    expect((await node.daemon.report(one)).end).toBe("CANCELLED");
    await node.hook("prolog", 41, 8);
    expect(await node.daemon.report(two)).toMatchObject({ end: "EVICTED" });
  });

  test("the youngest functions end at once, and the others freeze", async () => {
    await make();
    await node.start();
    const stays = await node.run(node.order(["sleep", "1004"], { cores: 8 }));
    const goes = await node.run(node.order(["sleep", "1005"], { cores: 8 }));
    await node.hook("prolog", 40, 8);
    expect(await node.daemon.report(goes)).toMatchObject({ end: "EVICTED" });
    const { evicted } = await node.daemon.hears("jobBegan");
    expect(evicted).toEqual([{ invocation: goes.invocation, attempt: 1 }]);
    node.daemon.send({ type: "cancel", key: { invocation: stays.invocation, attempt: 1 } });
    expect(await node.daemon.report(stays)).toMatchObject({ end: "CANCELLED" });
  });

  test("all functions end if there are no cgroups to freeze them", async () => {
    await make();
    expect(await node.start(withoutCgroups)).toMatchObject({ containment: "processGroup" });
    const order = await ticking();
    await node.hook("prolog", 40, 1);
    expect(await node.daemon.report(order)).toMatchObject({ end: "EVICTED" });
  });

  test("all functions end, and what is kept for the next ones, if one of them does not freeze", async () => {
    await make();
    await node.start();
    const code = await codeOf(
      { "handler.py": "def handler(event): return 7" },
      { runtime: "python" },
    );
    void handOut(node.daemon, code);
    const call = callOrder(code, null, { invocation: invocationId(1_000) });
    expect(resultOf(await node.finish(call))).toBe(7);
    const kept = () => node.processes().filter((line) => line.includes("glean-runtime-python"));
    expect(kept()).not.toEqual([]);
    const order = await ticking();
    await more(order);
    const stubborn = node.processes().find((line) => line.includes("slurm_script"))!;
    const [, group] = /^0::(.*)$/m.exec(
      readFileSync(`/proc/${Number.parseInt(stubborn, 10)}/cgroup`, "utf8"),
    )!;
    const file = join(unified, group!, "cgroup.freeze");
    execFileSync("mount", ["--bind", "/dev/null", file]);
    const mounted = openSync(file, "r");
    try {
      expect(await node.hook("prolog", 40, 8)).toBe(0);
      expect(kept()).toEqual([]);
    } finally {
      // By what was opened, as the group with the file may be gone.
      const named = ["--lazy", "--no-canonicalize", `/proc/${process.pid}/fd/${mounted}`];
      execFileSync("umount", named);
      closeSync(mounted);
    }
    expect(await node.daemon.report(order)).toMatchObject({ end: "EVICTED" });
  });

  test("an idle worker that was told to freeze before, and still runs, ends before the answer", async () => {
    await make();
    await node.start();
    const code = await codeOf({ "index.mjs": "export default () => process.pid;" });
    void handOut(node.daemon, code);
    const pid = resultOf(
      await node.finish(callOrder(code, null, { invocation: invocationId(1_000) })),
    ) as number;
    await until(() => isFrozen(pid));
    // As if the kernel had not come to it yet.
    writeFileSync(join(unified, groupOf(pid)!, "cgroup.freeze"), "0");
    expect(await node.hook("prolog", 40, 8)).toBe(0);
    expect(isGone(pid)).toBe(true);
  });

  test("an executor on a node with CPUs that do not exist says so and runs nothing beside a job", async () => {
    const budget = { cores: 4, memoryMb: 1_000, gpus: [], cpuIds: [4, 5, 6, 7] };
    const order = { budget, seenHookSequence: 0, knownJobs: [jobId(40)] };
    await make({ cpuTotal: machineCpuCount + 6, budget: order });
    const { hookProblem } = await node.start();
    expect(hookProblem).toContain(`Slurm counts ${machineCpuCount + 6} CPUs on this node`);
    expect((await node.finish(node.order(["true"]))).end).toBe("EVICTED");
  });

  test("each function has its own GPUs, and ends only if a job gets one of them", async () => {
    await make({ jobsArePinned: false, maxMemoryPerCoreMb: 100, memoryIsConsumable: true });
    await node.start();
    told({ gpus: [0, 1, 3] }, 0);
    const holding = (gpus: number) =>
      node.run(node.shell("echo gpus=$CUDA_VISIBLE_DEVICES; exec sleep 1003", { gpus }));
    const [one, two, none] = [await holding(1), await holding(2), await holding(0)];
    await node.prints(one, "gpus=0\n");
    await node.prints(two, "gpus=1,3\n");
    await node.prints(none, "gpus=\n");
    expect((await node.finish(node.order(["true"], { gpus: 1 }))).end).toBe("EVICTED");
    await node.hook("prolog", 40, 1, [3]);
    expect(await node.daemon.report(two)).toMatchObject({ end: "EVICTED" });
    await node.daemon.hears("budget", ({ budget }) => budget.gpus.join() === "0,1");
    const next = await holding(1);
    await node.prints(next, "gpus=1\n");
    await until(() => node.processes().filter((each) => each.includes("sleep 1003")).length === 3);
  });
});
