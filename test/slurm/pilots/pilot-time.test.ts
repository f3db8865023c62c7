// The end of a pilot's own time, on real Slurm: work that would be cut is begun elsewhere, or
// refused where no pilot has the time. Calls run on pilots as commands do.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import type { Invocation } from "../../../src/model/invocation.js";
import type { ExplainAnswer } from "../../../src/wire/api/types.js";
import { closedGate } from "../../support/site/gate.js";
import { livePilots, pilotSite } from "../../support/site/pilots.js";
import { type TestSite, user } from "../../support/site/site.js";

jest.setTimeout(180_000);
let at: TestSite;

beforeAll(async () => {
  // No pilot leaves for want of work: on a loaded machine, the next command may come late.
  const pilot = { timeLimitMs: 120_000, idleMs: 60_000 };
  at = await pilotSite({ daemonUser: user, pilot });
});
afterAll(() => at?.site.stop());

/** A view of Slurm that was asked for after this moment. */
async function newView(): Promise<void> {
  // Its queue was asked for a little before its nodes.
  const afterMs = Date.now() + 1_000;
  await at.until("a new view of Slurm", async () => {
    const { snapshotAgeMs } = await at.info();
    return snapshotAgeMs !== null && Date.now() - snapshotAgeMs > afterMs ? true : undefined;
  });
}

test("a request for more time than a pilot has is refused with a sentence", async () => {
  const { exitCode, stderr } = await at.site.glean(["batch", "-t", "10", "--wrap=true"], { user });
  expect(exitCode).not.toBe(0);
  expect(stderr).toMatch(/0:10:00 exceeds the 0:01:30 that pilots here have.*give -t 0:01:30/);
  const doctor = (await at.site.glean(["doctor"], { user })).stdout;
  expect(doctor).toMatch(/time of pilots +warning/);
});

/** The end of what its first attempt completed; the error quotes what `explain` says instead. */
async function endedAtOnce(id: string): Promise<Invocation> {
  const [end] = await at.ended(id);
  if (end!.state === "COMPLETED" && end!.attempt === 1) return end!;
  throw new Error((await at.json<ExplainAnswer>(["explain", id])).lines.join("\n"));
}

test("work that would outlast a pilot is not begun there, and another pilot is submitted for it", async () => {
  const gate = await closedGate(join(at.work, "time.gate"));
  const first = await at.submit([
    "-t",
    "80s",
    "--mem=100M",
    "-o",
    "/dev/null",
    `--wrap=${gate.wait}`,
  ]);
  await at.usedCores(1);
  const [pilot] = await livePilots(at);
  // Half of its time is taken back.
  await at.site.cluster.run("scontrol", ["update", `JobId=${pilot!.id}`, "TimeLimit=1"]);
  await newView();
  const long = await at.submit(["-t", "80s", "--mem=100M", "-o", "/dev/null", "--wrap=true"]);
  const short = await at.submit(["-t", "5s", "--mem=100M", "-o", "/dev/null", "--wrap=true"]);
  expect((await endedAtOnce(long)).node).not.toBe(pilot!.node);
  await endedAtOnce(short);
  await gate.open();
  await endedAtOnce(first);
});

/** Waits for the lock of its input, if any, and returns its process and the calls in it. */
const waiting = `import { execSync } from "node:child_process";
let calls = 0;
export default (wait) => {
  if (wait) execSync(wait);
  return [process.pid, ++calls];
};
`;

test("calls run on pilots, the next one in the same worker, and again after Slurm took the node", async () => {
  const code = join(at.work, "waiting");
  mkdirSync(code);
  writeFileSync(join(code, "index.mjs"), waiting);
  const glean = (...args: string[]) => at.site.gleanOrThrow(args, { user });
  await glean("function", "deploy", "waiting", code, "--runtime=node", "--mem=100M", "-t", "60s");
  const answer = async (input: string) =>
    JSON.parse(await glean("invoke", "waiting", "--input", input));
  const first = await answer("null");
  const [pid, calls] = await answer("null");
  expect([pid, calls]).toEqual([first[0], first[1] + 1]);
  const gate = await closedGate(join(at.work, "call.gate"));
  const asked = ["invoke", "waiting", "--async", "--input", JSON.stringify(gate.wait)];
  const id = (await glean(...asked)).trim();
  await at.runs(id);
  const { node } = (await at.invocations(id))[0]!;
  const { cluster } = at.site;
  const job = ["--parsable", "-o", "/dev/null", "--exclusive", `--nodelist=${node}`, "--wrap=true"];
  expect((await cluster.run("sbatch", job)).exitCode).toBe(0);
  await at.until(
    "a second attempt",
    async () => (await at.detail(id)).attempts.some(({ number }) => number === 2) || undefined,
  );
  await gate.open();
  expect((await at.ended(id))[0]).toMatchObject({ state: "COMPLETED", attempt: 2 });
  expect((await at.detail(id)).attempts[0]).toMatchObject({ state: "EVICTED" });
  const lease = await at.site.glean(["lease", "hold", "waiting"], { user });
  expect(lease.stderr).toMatch(/no workers can be leased: call the function/);
});
