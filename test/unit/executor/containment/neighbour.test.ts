// Functions as neighbours of batch jobs: last for the processor, first for the kernel when memory
// is short, and watched.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { LaunchSpec } from "../../../../src/wire/launch.js";
import { Programs, TestNode, withoutCgroups } from "../../../support/executor/executor.js";

jest.setTimeout(600_000);
const programs = new Programs();
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip;
const withPressure = existsSync("/proc/pressure/cpu") ? test : test.skip;
const schedIdle = "5";
/**
 * Without this capability, an executor running as root cannot keep a function from protecting
 * itself: a container's root may lack it.
 */
const resourceCapability = 24n;
const mayForbid = (): boolean => {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1"))!;
  return ((BigInt(`0x${effective[1]}`) >> resourceCapability) & 1n) === 1n;
};

describeAsRoot("functions beside batch jobs", () => {
  let node: TestNode;
  beforeAll(() => programs.make());
  afterAll(() => programs.remove());
  const start = async (change: Partial<LaunchSpec> = {}, wrapper: readonly string[] = []) => {
    node = await TestNode.make(programs, change);
    await node.start(wrapper);
  };
  afterEach(async () => {
    expect(await node.remove()).toEqual([]);
  });

  test.each([
    ["with", []],
    ["without", withoutCgroups],
  ])(
    "functions in %s cgroups have idle priority, lose memory first, and cannot change that",
    async (_, wrapper) => {
      await start({}, wrapper);
      const order = node.shell(
        `cut -d' ' -f19,41 /proc/self/stat; cat /proc/self/oom_score_adj
       chrt -o -p 0 $$ 2>/dev/null && echo raised; (echo 0 >/proc/self/oom_score_adj) 2>/dev/null && echo spared
       sh -c "cut -d' ' -f41 /proc/self/stat"`,
      );
      await node.finish(order);
      expect(readFileSync(`/proc/${node.pid}/oom_score_adj`, "latin1")).toBe("999\n");
      const spared = mayForbid() ? [] : ["spared"];
      const expected = [`0 ${schedIdle}`, "1000", ...spared, schedIdle];
      expect(node.output(order).trim().split("\n")).toEqual(expected);
    },
  );

  test.each([
    ["with", []],
    ["without", withoutCgroups],
  ])(
    "functions in %s cgroups are gone when a job comes to a node with busy processors",
    async (_, wrapper) => {
      await start({}, wrapper);
      const spinning = "exec perl -e '$| = 1; print qq(up\\n); 1 while 1'";
      const orders = Array.from({ length: 4 }, () => node.shell(spinning));
      for (const order of orders) {
        await node.run(order);
        await node.prints(order, "up\n");
      }
      const others = cpus().map(() => spawn("perl", ["-e", "1 while 1"], { stdio: "ignore" }));
      try {
        expect(await node.hook("prolog", 7, 16)).toBe(0);
        for (const order of orders)
          expect(await node.daemon.report(order)).toMatchObject({ end: "EVICTED", signal: 9 });
      } finally {
        for (const each of others) each.kill("SIGKILL");
      }
    },
  );

  withPressure(
    "are told of when others wait for the processor, and only beside a job",
    async () => {
      const pressure = {
        jobCpuPercent: null,
        jobMemoryPercent: null,
        nodeCpuPercent: 0,
        nodeMemoryPercent: null,
        intervalMs: 100,
        jobGroups: [],
      };
      await start({ pressure });
      // Before the processors are busy: a start at idle priority may take longer than its limit.
      await node.run(node.order(["sleep", "1000"]));
      // Twice as many as there are processors: some of them always waits.
      const many = [...cpus(), ...cpus()];
      const others = many.map(() => spawn("perl", ["-e", "1 while 1"], { stdio: "ignore" }));
      try {
        expect(node.daemon.heard.some(({ type }) => type === "pressure")).toBe(false);
        expect(await node.hook("prolog", 7, 1)).toBe(0);
        const { report } = await node.daemon.hears("pressure");
        expect(report).toMatchObject({ job: null, resource: "cpu", limitPercent: 0 });
        expect(report.percent).toBeGreaterThan(0);
      } finally {
        for (const each of others) each.kill("SIGKILL");
      }
    },
  );
});
