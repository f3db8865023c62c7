// Pilots that cannot start: only a few wait, unwanted ones are cancelled, a refusal is reported,
// and without preemption there are none.

import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { suspend } from "../../../scripts/cluster/processes/suspend.js";
import { closedGate } from "../../support/site/gate.js";
import {
  livePilots,
  pilotJobs,
  pilotPartitions,
  pilotPid,
  pilotSite,
} from "../../support/site/pilots.js";
import { otherUser, type TestSite, user } from "../../support/site/site.js";

jest.setTimeout(180_000);
let at: TestSite;

beforeAll(async () => {
  // As root, so that all users' functions can be run.
  at = await pilotSite({ pilot: { maxPending: 1 } });
});
afterAll(() => at?.site.stop());

const partition = (change: string) =>
  at.site.cluster.run("scontrol", ["update", "PartitionName=gleaner", change]);

test("one pilot waits at a time, and it and stray pilots are cancelled when no work waits", async () => {
  await partition("State=DOWN");
  const array = await at.submit(["-a", "0-15", "--mem=100M", "-o", "/dev/null", "--wrap=true"]);
  const [pilot] = await at.until("a pilot that waits", async () => {
    const found = await livePilots(at);
    return found.length > 0 ? found : undefined;
  });
  expect(pilot!.state).toBe("PENDING");
  const { exitCode, stdout } = await at.site.glean(["explain", array.concat("_0")], { user });
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
  expect(stdout).toContain("Slurm has yet to start");
  // One that this gleanerd knows nothing of, but that has its mark.
  const name = pilot!.name.replace(/[^-]*$/, "n2.ffffffff");
  await at.sbatch(["-p", "gleaner", "-J", name, "--output=/dev/null", "--wrap=sleep 600"]);
  await at.until(
    "the end of the stray one",
    async () => (await livePilots(at)).length === 1 || undefined,
  );
  expect((await livePilots(at))[0]!.id).toBe(pilot!.id);
  await at.site.gleanOrThrow(["cancel", array], { user });
  await at.until("the end of it", async () => (await livePilots(at)).length === 0 || undefined);
  expect(await at.jobState(pilot!.id)).toBe("CANCELLED");
  await partition("State=UP");
});

test("root's gleanerd runs all users' functions as those users", async () => {
  for (const name of [user, otherUser]) {
    const id = await at.submit(["-o", `${name}.txt`, "--wrap=id -un"], name);
    expect((await at.ended(id))[0]!.state).toBe("COMPLETED");
    expect((await at.text(`${name}.txt`)).trim()).toBe(name);
  }
});

test("Slurm evicts the functions of a disconnected pilot whose node is drained with --now", async () => {
  const gate = await closedGate(join(at.work, "away.gate"));
  const id = await at.submit(["--mem=100M", "-o", "/dev/null", `--wrap=${gate.wait}`]);
  await at.runs(id);
  const node = (await at.info()).nodes.find(({ executor }) => executor?.usedCores === 1)!.node;
  const pilot = (await livePilots(at)).find((each) => each.node === node)!;
  // It neither connects again nor hears of anything.
  await suspend(pilotPid(at, node));
  await at.site.endDaemon("SIGKILL");
  await at.site.startDaemon();
  await at.until("the nodes", async () => (await at.info()).nodes.length > 0 || undefined);
  await at.site.gleanOrThrow(["drain", node, "--now"]);
  await at.until("its eviction", async () => {
    const { attempts } = await at.detail(id);
    return attempts[0]!.state === "EVICTED" || undefined;
  });
  expect(await at.jobState(pilot.id)).toBe("CANCELLED");
  await gate.open();
  await at.site.gleanOrThrow(["resume", node]);
  expect((await at.ended(id))[0]).toMatchObject({ state: "COMPLETED", attempt: 2 });
});

test("explain and doctor report a pilot that sbatch refuses, and no executor is recorded for it", async () => {
  await at.until(
    "the end of all pilots",
    async () => (await livePilots(at)).length === 0 || undefined,
  );
  const before = (await pilotJobs(at)).length;
  await partition("State=INACTIVE");
  const id = await at.submit(["--mem=100M", "-o", "/dev/null", "--wrap=true"]);
  const explained = await at.until("the reason", async () => {
    const lines = await at.site.gleanOrThrow(["explain", "n1"]);
    return lines.includes("the last executor start failed") ? lines : undefined;
  });
  expect(explained).toContain("sbatch refused the pilot of n1");
  const doctor = await at.site.glean(["doctor"]);
  expect(doctor.exitCode).toBe(1);
  expect(doctor.stdout).toContain("pilot on n1");
  expect((await pilotJobs(at)).length).toBeLessThanOrEqual(before);
  await partition("State=UP");
  expect((await at.ended(id))[0]!.state).toBe("COMPLETED");
});

test("no pilot is submitted without preemption, and doctor names the missing line", async () => {
  const bare = await pilotSite({
    slurmConfLines: [],
    partitionLines: pilotPartitions.map((line) => line.replace("PreemptMode=CANCEL", "")),
  });
  try {
    await bare.submit(["--mem=100M", "-o", "/dev/null", "--wrap=true"]);
    const node = await bare.until("a read of Slurm", async () => {
      const { snapshotAgeMs, nodes } = await bare.info();
      return snapshotAgeMs === null ? undefined : nodes[0];
    });
    expect(node.unusable!.reason.kind).toBe("noPreemption");
    const doctor = await bare.site.glean(["doctor"]);
    expect(doctor.exitCode).toBe(1);
    expect(doctor.stdout).toContain("PreemptType=preempt/none");
    expect(await pilotJobs(bare)).toEqual([]);
  } finally {
    await bare.site.stop();
  }
});
