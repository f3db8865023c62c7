// The ends of holes on real Slurm: a reservation keeps long work away and lets short work run;
// learned data outlives a restart.

import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import type { PredictionReport } from "../../src/model/capacity/prediction.js";
import type { ExplainAnswer } from "../../src/wire/api/types.js";
import { type TestSite, testSite } from "../support/site/site.js";

jest.setTimeout(240_000);
let at: TestSite;

beforeAll(async () => {
  at = await testSite({
    nodes: 1,
    cpus: 4,
    memoryMb: 8_000,
    config: { poll: { intervalMs: 500 } },
  });
});
afterAll(() => at?.site.stop());

const explained = async (what: string) =>
  (await at.json<ExplainAnswer>(["explain", what])).lines.join("\n");
const report = () => at.json<PredictionReport>(["report", "prediction"]);

test("closed holes and the accuracy of their predictions are learned and survive a restart", async () => {
  for (let round = 0; round < 2; round++) {
    const job = await at.sbatch(["--exclusive", "--output=/dev/null", "--wrap=true"]);
    expect(await at.jobEnded(job)).toBe("COMPLETED");
    await at.until("an executor", async () => {
      const { executor } = await at.node("n1");
      return executor?.state === "ready" && executor.budget.cores === 4 ? true : undefined;
    });
    expect(await explained("n1")).toMatch(
      /nothing is planned there; half of the holes of this age last/,
    );
  }
  const last = await at.sbatch(["--exclusive", "--output=/dev/null", "--wrap=true"]);
  expect(await at.jobEnded(last)).toBe("COMPLETED");
  const learned = await at.until("holes learned from", async () => {
    const each = await report();
    return each.lives[0]!.closings >= 1 && each.sources.length > 0 ? each : undefined;
  });
  expect(learned.sources.some(({ source }) => source === "survival")).toBe(true);
  await at.site.endDaemon("SIGTERM");
  await at.site.startDaemon();
  expect((await report()).lives[0]!.closings).toBeGreaterThanOrEqual(learned.lives[0]!.closings);
});

test("a coming reservation is reported; long work waits for its end, and short work runs before it", async () => {
  const { exitCode, stderr } = await at.site.cluster.run("scontrol", [
    "create",
    "reservation",
    "ReservationName=maint",
    "StartTime=now+5minutes",
    "Duration=60",
    "Flags=MAINT",
    "Nodes=n1",
    "Users=root",
  ]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  // Reservations are read once a minute, and at the start.
  await at.site.endDaemon("SIGTERM");
  await at.site.startDaemon();
  await at.until(
    "the reservation in view",
    async () =>
      /a reservation on the node begins in \d+ s \(98 % sure\)/.test(await explained("n1")) ||
      undefined,
  );
  await at.usedCores(0);
  const long = await at.submit(["-t", "9:00", "--mem=50M", "-o", "/dev/null", "--wrap=sleep 1"]);
  const short = await at.submit(["-t", "0:20", "--mem=50M", "-o", "/dev/null", "--wrap=sleep 0.1"]);
  expect((await at.ended(short)).map((each) => each.state)).toEqual(["COMPLETED"]);
  expect((await at.invocations(long))[0]!.state).toBe("PENDING");
  expect(await explained(long)).toContain(
    "every free hole closes too early: the invocation is expected to take 540 s",
  );
  await at.site.cluster.run("scontrol", ["delete", "ReservationName=maint"]);
  await at.site.endDaemon("SIGTERM");
  await at.site.startDaemon();
  expect((await at.ended(long)).map((each) => each.state)).toEqual(["COMPLETED"]);
});
