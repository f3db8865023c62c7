// Nothing lost: daemon and slurmctld die and come back under load, and every invocation ends
// exactly once.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { closedGate } from "../support/site/gate.js";
import { type TestSite, testSite } from "../support/site/site.js";

jest.setTimeout(240_000);
let at: TestSite;

beforeAll(async () => {
  at = await testSite({
    nodes: 7,
    cpus: 32,
    memoryMb: 64_000,
    config: { poll: { intervalMs: 1_000, staleMs: 4_000, maximumMs: 2_000 } },
  });
});
afterAll(() => at?.site.stop());

test("after kill -9 of the daemon, executors are adopted, and each of 200 functions runs and is billed once", async () => {
  const [begun, effects] = [join(at.work, "begun"), join(at.work, "effects")];
  for (const file of [begun, effects]) writeFileSync(file, "");
  await at.site.cluster.run("chmod", ["666", begun, effects]);
  const gate = await closedGate(join(at.work, "restart.gate"));
  const array = await at.submit([
    "-a",
    "0-219",
    "--mem=50M",
    "-o",
    "/dev/null",
    `--wrap=echo >> ${begun}; ${gate.wait}; echo $SLURM_ARRAY_TASK_ID >> ${effects}`,
  ]);
  // What was recorded and not ordered yet would be begun anew.
  await at.until("all functions", () => readFileSync(begun).length === 220 || undefined);
  const executors = (await at.info()).nodes.map((each) => each.executor!.id);
  await at.site.endDaemon("SIGKILL");
  await at.site.startDaemon();
  await gate.open();
  const ended = await at.ended(array);
  expect(ended.map((each) => each.state)).toEqual(Array(220).fill("COMPLETED"));
  expect(ended.map((each) => each.attempt)).toEqual(Array(220).fill(1));
  const lines = readFileSync(effects, "utf8").trim().split("\n").map(Number);
  expect(lines.sort((left, right) => left - right)).toEqual(
    Array.from({ length: 220 }, (_, task) => task),
  );
  expect((await at.info()).nodes.map((each) => each.executor!.id)).toEqual(executors);
  expect(await at.json(["bill", "--verify"])).toMatchObject({
    balanced: true,
    attempts: 220,
    postings: 220,
  });
});

test("while slurmctld is stopped, functions keep running and the view is reported as stale, until it is back", async () => {
  const array = await at.submit(["-a", "0-19", "--mem=50M", "-o", "/dev/null", "--wrap=sleep 2"]);
  await at.site.cluster.stopSlurmctld();
  const stoppedAtMs = process.hrtime.bigint();
  expect((await at.ended(array)).map((each) => each.state)).toEqual(Array(20).fill("COMPLETED"));
  await at.until("a stale view", async () => (await at.info()).stale || undefined);
  const { slurmProblem, nodes } = await at.info();
  expect(slurmProblem).toMatch(/./);
  expect(nodes.every((node) => node.executor !== null)).toBe(true);
  const explained = await at.site.gleanOrThrow(["explain", "n1"]);
  expect(explained).toContain("slurmctld");
  // The 20 seconds: the poller must have backed off and recovered, not just survived one
  // missed read.
  const leftMs = 20_000 - Number((process.hrtime.bigint() - stoppedAtMs) / 1_000_000n);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, leftMs)));
  await at.site.cluster.startSlurmctld();
  await at.until("a fresh view", async () => (await at.info()).stale === false || undefined);
  const job = await at.sbatch([
    "--exclusive",
    "--nodelist=n1",
    "--output=/dev/null",
    "--wrap=true",
  ]);
  expect(await at.jobEnded(job)).toBe("COMPLETED");
});

test("an executor killed with -9 leaves no function behind, and its functions run again elsewhere", async () => {
  const gate = await closedGate(join(at.work, "executor.gate"));
  const array = await at.submit([
    "-a",
    "0-223",
    "--mem=50M",
    "-o",
    "/dev/null",
    `--wrap=${gate.wait}`,
  ]);
  await at.usedCores(224);
  process.kill(at.executorPid("n3"), "SIGKILL");
  await gate.open();
  const ended = await at.ended(array);
  expect(ended.map((each) => each.state)).toEqual(Array(224).fill("COMPLETED"));
  expect(ended.filter((each) => each.attempt === 2).length).toBe(32);
  expect(await at.json(["bill", "--verify"])).toMatchObject({ balanced: true });
});
