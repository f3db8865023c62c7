// Pilots on real Slurm with preemption, gleanerd run by an ordinary user: they come with work, give
// way to any batch job, and leave nothing.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { suspend } from "../../../scripts/cluster/processes/suspend.js";
import { Secrets } from "../../../src/daemon/auth/tokens.js";
import { executorId } from "../../../src/model/ids.js";
import type { Invocation } from "../../../src/model/invocation.js";
import type { Utilization } from "../../../src/model/records/utilization.js";
import { killAndWait } from "../../support/launch/recorder.js";
import { closedGate } from "../../support/site/gate.js";
import { isThere, livePilots, pilotJobs, pilotPid, pilotSite } from "../../support/site/pilots.js";
import { otherUser, type TestSite, user } from "../../support/site/site.js";

jest.setTimeout(180_000);
let at: TestSite;
let witness: string;

beforeAll(async () => {
  at = await pilotSite({ daemonUser: user });
  witness = join(at.site.files.programs, "witness");
  execFileSync("gcc", ["-O2", "-o", witness, "scripts/demonstration/witness.c"]);
});
afterAll(() => at?.site.stop());

const fill = (tasks: number, command: string) =>
  at.submit(["-a", `0-${tasks - 1}`, "--mem=100M", "-o", "/dev/null", `--wrap=${command}`]);

const closed = () => closedGate(join(at.work, "gate"));

/**
 * Resolves with the invocations of an array that were begun again since `before`, once there are
 * this many. An invocation still counted as running on a pilot whose end was not noticed yet does
 * not count, nor does an attempt that an idle pilot refused because it was about to leave.
 */
const begunAnew = (array: string, before: readonly Invocation[], count: number) =>
  at.until(`${count} new attempts`, async () => {
    const attempts = new Map(before.map((each) => [each.id, each.attempt]));
    const found = await at.invocations(array);
    const again = found.filter(({ id, attempt }) => attempt > attempts.get(id)!);
    return again.length >= count ? again : undefined;
  });

/** How the last two attempts of an array's task are now. */
async function lastStates({ arrayJobId, arrayTaskId }: Invocation) {
  const { attempts } = await at.detail(`${arrayJobId}_${arrayTaskId}`);
  return attempts.slice(-2).map((each) => each.state);
}

const noPilots = () =>
  at.until("the end of all pilots", async () => (await livePilots(at)).length === 0 || undefined);

test("no pilot is submitted without work, and doctor needs no hook", async () => {
  await at.until(
    "a read of Slurm",
    async () => (await at.info()).snapshotAgeMs !== null || undefined,
  );
  expect(await pilotJobs(at)).toEqual([]);
  const { exitCode, stdout } = await at.site.glean(["doctor"], { user });
  expect(stdout).toContain("preemption of pilots");
  expect(stdout).toContain(`of ${user} only`);
  expect(exitCode).toBe(0);
  expect(await at.site.gleanOrThrow(["explain", "n1"])).toContain("once waiting work would fit");
});

test("work starts pilots as large as the holes, which count as no batch jobs and leave when idle", async () => {
  const gate = await closed();
  const array = await fill(16, gate.wait);
  await at.usedCores(16);
  const info = await at.info();
  expect(info.nodes.map((node) => node.executor)).toMatchObject(
    Array(2).fill({ placement: "pilot", state: "ready", usedCores: 8, budget: { cores: 8 } }),
  );
  await at.until(
    "a view without the pilots",
    async () =>
      (await at.info()).nodes.every((node) => node.allocatedCores === 0 && node.hole !== null) ||
      undefined,
  );
  const pilots = await livePilots(at);
  expect(pilots.map((each) => each.user)).toEqual([user, user]);
  await gate.open();
  const ended = await at.ended(array);
  expect(ended.map((each) => each.state)).toEqual(Array(16).fill("COMPLETED"));
  await noPilots();
  const states = (await pilotJobs(at)).map((each) => each.state);
  expect(new Set(states)).toEqual(new Set(["COMPLETED"]));
  const report = await at.json<Utilization>(["report", "utilization"], user);
  expect(report.batchJobs).toBe(0);
  expect(report.allocatedCoreMs).toBe(0);
  expect(report.coveredCoreMs).toBeGreaterThan(0);
  expect(report.usefulCoreMs).toBeGreaterThan(0);
});

test("the launch credential is in no script, argument, environment or file that others can read", async () => {
  const gate = await closed();
  const array = await fill(1, gate.wait);
  await at.usedCores(1);
  const [pilot] = await livePilots(at);
  const executor = (await at.info()).nodes.find((node) => node.executor !== null)!.executor!;
  const secret = Secrets.load(join(at.site.files.state, "key")).ofExecutor(executorId(executor.id));
  const { cluster } = at.site;
  const script = await cluster.run("scontrol", ["write", "batch_script", `${pilot!.id}`, "-"]);
  const shown = await cluster.run("scontrol", ["-d", "show", "job", `${pilot!.id}`]);
  const [sealed] = /MUNGE:\S+/.exec(script.stdout)!;
  const pid = pilotPid(at, pilot!.node);
  const seen = [
    script.stdout,
    shown.stdout,
    Buffer.from(sealed.slice(6, -1), "base64").toString("latin1"),
  ];
  for (const file of ["cmdline", "environ"])
    seen.push(readFileSync(`/proc/${pid}/${file}`, "latin1"));
  for (const text of seen) expect(text).not.toContain(secret);
  // Neither another user nor root can open what the script holds.
  for (const name of [otherUser, "root"]) {
    const command = ["-c", `printf %s "$0" | unmunge --socket=${cluster.mungeSocket}`, sealed];
    const opened = await cluster.run("sh", command, { user: name });
    expect(opened.stderr).toContain("Unauthorized credential");
    expect(opened.stdout).not.toContain(secret);
  }
  for (const folder of [at.site.files.state, at.site.files.logs])
    for (const name of readdirSync(folder))
      if (
        (statSync(join(folder, name)).mode & 0o044) !== 0 &&
        (statSync(folder).mode & 0o011) !== 0
      )
        expect(readFileSync(join(folder, name), "latin1")).not.toContain(secret);
  await gate.open();
  await at.ended(array);
});

test("another user's work is refused with one sentence", async () => {
  const refused = await at.site.glean(["batch", "--wrap=true"], { user: otherUser });
  expect(refused.exitCode).not.toBe(0);
  expect(refused.stderr).toContain(`this gleanerd runs as ${user}`);
  expect(refused.stderr.trim().split("\n")).toHaveLength(1);
});

test("a batch job preempts the pilot, of which nothing remains; its work is EVICTED and runs again", async () => {
  const gate = await closed();
  const array = await fill(16, gate.wait);
  await at.usedCores(16);
  const before = (await livePilots(at)).find((each) => each.node === "n1")!;
  const pid = pilotPid(at, "n1");
  const first = await at.invocations(array);
  const wrap = `--wrap=${witness} ${at.work} 8`;
  const job = await at.sbatch(["--output=/dev/null", "--nodelist=n1", "--exclusive", wrap]);
  const [, functionCores, jobCores] = (await at.text(`${job}.n1`)).split(" ").map(Number);
  expect({ functionCores, jobCores, pilot: isThere(pid) }).toEqual({
    functionCores: 0,
    jobCores: 8,
    pilot: false,
  });
  expect(await at.jobEnded(job)).toBe("COMPLETED");
  expect(await at.jobState(before.id)).toBe("PREEMPTED");
  const again = await begunAnew(array, first, 8);
  expect(again).toHaveLength(8);
  expect(await lastStates(again[0]!)).toEqual(["EVICTED", "RUNNING"]);
  const report = await at.json<Utilization>(["report", "utilization"], user);
  expect(report).toMatchObject({ evictions: 1, evictedAttempts: 8, batchJobs: 1 });
  await gate.open();
  expect((await at.ended(array)).map((each) => each.state)).toEqual(Array(16).fill("COMPLETED"));
});

test("a killed pilot counts as a failure, not as an eviction, and a killed daemon finds its pilots again", async () => {
  const gate = await closed();
  const array = await fill(16, gate.wait);
  await at.usedCores(16);
  const kept = (await at.node("n1")).executor!.id;
  const first = await at.invocations(array);
  await at.site.endDaemon("SIGKILL");
  await killAndWait(pilotPid(at, "n2"));
  await at.site.startDaemon();
  const again = await begunAnew(array, first, 8);
  expect((await at.node("n1")).executor!.id).toBe(kept);
  expect(again).toHaveLength(8);
  expect(await lastStates(again[0]!)).toEqual(["LOST", "RUNNING"]);
  await gate.open();
  expect((await at.ended(array)).map((each) => each.state)).toEqual(Array(16).fill("COMPLETED"));
});

test("a pilot that Slurm has to kill counts as an eviction", async () => {
  const gate = await closed();
  // One that takes a whole node: the pilots of both may be there still.
  const wide = ["-a", "0", "-c", "8", "--mem=100M", "-o", "/dev/null", `--wrap=${gate.wait}`];
  const array = await at.submit(wide);
  await at.usedCores(8);
  const first = await at.invocations(array);
  const busy = (await at.info()).nodes.find((node) => node.executor?.usedCores === 8)!.node;
  // It cannot say anything any more: what Slurm has on record decides.
  await suspend(pilotPid(at, busy));
  const job = await at.sbatch([
    "--output=/dev/null",
    `--nodelist=${busy}`,
    "--exclusive",
    "--wrap=true",
  ]);
  expect(await at.jobEnded(job)).toBe("COMPLETED");
  const [again] = await begunAnew(array, first, 1);
  expect(await lastStates(again!)).toEqual(["EVICTED", "RUNNING"]);
  await gate.open();
  await at.ended(array);
});

test("Ctrl-C leaves no pilot behind", async () => {
  const gate = await closed();
  const array = await fill(16, gate.wait);
  await at.usedCores(16);
  await at.site.endDaemon("SIGINT");
  await noPilots();
  await gate.open();
  await at.site.startDaemon();
  expect((await at.ended(array)).map((each) => each.state)).toEqual(Array(16).fill("COMPLETED"));
});
