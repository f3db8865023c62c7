// No harm: whatever state Gleaner is in, a batch job starts and finds no function on its resources.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { isGone } from "../../../scripts/cluster/processes/gone.js";
import { suspend } from "../../../scripts/cluster/processes/suspend.js";
import type { Utilization } from "../../../src/model/records/utilization.js";
import { closedGate } from "../../support/site/gate.js";
import { type TestSite, testSite } from "../../support/site/site.js";

jest.setTimeout(180_000);
let at: TestSite;
let witness: string;

beforeAll(async () => {
  at = await testSite({ nodes: 2, cpus: 8, memoryMb: 16_000 });
  witness = join(at.site.files.programs, "witness");
  execFileSync("gcc", ["-O2", "-o", witness, "scripts/demonstration/witness.c"]);
});
afterAll(() => at?.site.stop());

/**
 * Runs a batch job whose witness records what it sees; resolves with the cores of functions and of
 * jobs that it saw.
 */
async function look(args: string[], runSeconds = 1) {
  const id = await at.sbatch([
    "--output=/dev/null",
    ...args,
    `--wrap=${witness} ${at.work} 8 && sleep ${runSeconds}`,
  ]);
  const node = args.find((arg) => arg.startsWith("--nodelist="))!.split("=")[1]!;
  const [, functionCores, jobCores] = (await at.text(`${id}.${node}`)).split(" ").map(Number);
  return { id, functionCores: functionCores!, jobCores: jobCores! };
}

const submitForty = (command: string) =>
  at.submit(["-a", "0-39", "-c", "1", "--mem=100M", "-o", "/dev/null", `--wrap=${command}`]);

/** Both nodes full of functions that run until the gate opens. */
async function fill(gateName: string) {
  const gate = await closedGate(join(at.work, gateName));
  const array = await submitForty(gate.wait);
  await at.usedCores(16);
  return { array, openGate: gate.open };
}

test("a batch job on a fully harvested node finds no function there; the evicted functions run again", async () => {
  const { array, openGate } = await fill("eviction.gate");
  const seen = await look(["--nodelist=n1", "--exclusive"]);
  await openGate();
  expect(seen).toMatchObject({ functionCores: 0, jobCores: 8 });
  expect(await at.jobEnded(seen.id)).toBe("COMPLETED");
  const ended = await at.ended(array);
  expect(ended).toHaveLength(40);
  expect(new Set(ended.map((each) => each.state))).toEqual(new Set(["COMPLETED"]));
  const retried = ended.filter((each) => each.attempt > 1);
  expect(retried.length).toBeGreaterThanOrEqual(8);
  const { attempts } = await at.detail(`${retried[0]!.arrayJobId}_${retried[0]!.arrayTaskId}`);
  expect(attempts.map((each) => each.state)).toEqual(["EVICTED", "COMPLETED"]);
});

test("a job on a part of a node leaves the rest to functions", async () => {
  const { array, openGate } = await fill("part.gate");
  const before = (await at.node("n1")).executor!.id;
  let seen: Awaited<ReturnType<typeof look>>;
  do {
    seen = await look(["--nodelist=n1", "-c", "3", "--mem=3000"], 3);
    expect(seen.jobCores).toBe(3);
    expect(seen.functionCores).toBeLessThanOrEqual(5);
    expect((await at.executorUsing(5, "n1")).id).toBe(before);
    expect(await at.jobEnded(seen.id)).toBe("COMPLETED");
    await at.usedCores(8, "n1");
    // A view of Slurm with the job may arrive before its prolog: then it counts twice for a moment.
  } while (seen.functionCores < 5);
  expect((await at.node("n1")).executor!.id).toBe(before);
  await openGate();
  await at.ended(array);
});

test("no process of Gleaner remains on a node without a hole; an executor returns once the job has left", async () => {
  await at.until(
    "an executor on n1",
    async () => (await at.node("n1")).executor?.state === "ready" || undefined,
  );
  const pid = at.executorPid("n1");
  const seen = await look(["--nodelist=n1", "--exclusive"], 2);
  await at.until("the executor's end", () => isGone(pid) || undefined);
  expect(existsSync(join(at.site.files.run, "n1", "hook.sock"))).toBe(false);
  expect(await at.jobEnded(seen.id)).toBe("COMPLETED");
  await at.until(
    "an executor on n1",
    async () => (await at.node("n1")).executor?.state === "ready" || undefined,
  );
});

test("an executor stopped with SIGSTOP does not delay the job beyond the deadline, and no invocation is lost", async () => {
  const { array, openGate } = await fill("stopped.gate");
  const pid = at.executorPid("n2");
  await suspend(pid);
  const seen = await look(["--nodelist=n2", "--exclusive"]);
  await openGate();
  expect(seen.functionCores).toBe(0);
  expect(isGone(pid)).toBe(true);
  expect(await at.jobEnded(seen.id)).toBe("COMPLETED");
  const { stdout } = await at.site.cluster.run("sinfo", ["-h", "-n", "n2", "-o", "%T"]);
  expect(stdout).not.toMatch(/drain|down/);
  const ended = await at.ended(array);
  expect(ended.map((each) => each.state)).toEqual(Array(40).fill("COMPLETED"));
  // The hook's own kill took longer than its answerMs of 100, and the report owns up to it.
  await at.until("the hook's kill in the report", async () => {
    const { evictMs } = await at.json<Utilization>(["report", "utilization"]);
    return (evictMs !== null && evictMs.max >= 100) || undefined;
  });
});

test("a job gets its cores at once while the daemon is dead, and nothing is lost after its restart", async () => {
  const { array, openGate } = await fill("dead.gate");
  await at.site.endDaemon("SIGKILL");
  const seen = await look(["--nodelist=n1", "--exclusive"]);
  expect(seen.functionCores).toBe(0);
  await at.site.startDaemon();
  await openGate();
  expect((await at.ended(array)).map((each) => each.state)).toEqual(Array(40).fill("COMPLETED"));
  expect(await at.jobEnded(seen.id)).toBe("COMPLETED");
});

test("no executor starts without the hook in slurm.conf, and doctor says what to change", async () => {
  const bare = await testSite({ nodes: 1, slurmConfLines: ["Prolog=/bin/true"] });
  try {
    await bare.until(
      "a read of Slurm",
      async () => (await bare.info()).snapshotAgeMs !== null || undefined,
    );
    const node = await bare.node("n1");
    expect(node.executor).toBeNull();
    expect(node.unusable!.reason.kind).toBe("noHook");
    const doctor = await bare.site.glean(["doctor"]);
    expect(doctor.exitCode).toBe(1);
    expect(doctor.stdout).toContain("slurm.conf has no Prolog=");
  } finally {
    await bare.site.stop();
  }
});
