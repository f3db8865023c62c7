// A node whose root is hostile: its executor has a real secret and lies, floods, or is silent.
// Nobody else may notice.

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { nowMs } from "../../../../src/clock.js";
import type { Store } from "../../../../src/core/ports/store.js";
import { Overdue } from "../../../../src/daemon/executors/overdue.js";
import {
  executorId,
  type InvocationId,
  invocationId,
  jobId,
  nodeName,
  versionId,
} from "../../../../src/model/ids.js";
import type { AttemptKey } from "../../../../src/wire/messages.js";
import { HostileSite, type ScriptedExecutor, turn } from "../../../support/daemon/hostile-site.js";
import { liesOf, type TrueMessages } from "../../../support/daemon/lies.js";
import { type ShiftedClock, shiftedClock } from "../../../support/daemon/shifted-clock.js";
import { storeForEachTest } from "../../../support/store/store.js";

let store: Store;
storeForEachTest((opened) => {
  store = opened;
});

let clock: ShiftedClock;
let overdue: Overdue;
let site: HostileSite;
let honest: ScriptedExecutor;
/** Ann's work, which runs on the honest node all the time. */
let victim: AttemptKey;

const honestBudget = { cores: 9, memoryMb: 9_000, gpus: [] };
const evilBudget = { cores: 4, memoryMb: 4_000, gpus: [] };
const annsCores = 8;
/** Does not fit beside Ann's. */
const bobsCores = 2;

beforeEach(async () => {
  clock = shiftedClock();
  site = new HostileSite(store);
  await site.start();
  overdue = new Overdue({ ...site.parts, graceMs: 0 });
  honest = await site.executorOn("good", honestBudget.cores);
  honest.ready(honestBudget);
  await site.submit("ann", annsCores);
  const [order] = await honest.ordered(1);
  victim = { invocation: order!.invocation, attempt: 1 };
});

afterEach(async () => {
  await site.end();
  clock.restore();
});

async function evil(budget = evilBudget): Promise<ScriptedExecutor> {
  const executor = await site.executorOn("evil", evilBudget.cores);
  executor.ready(budget);
  return executor;
}

/** Whether gleanerd leaves the node alone, by its own decision. */
const isDistrusted = () => site.parts.drains.distrusted().some(([node]) => node === "evil");

/** Somebody else's short work is done where it can be, to the millisecond. */
async function carlIsServed(): Promise<void> {
  const before = await site.billOf("carl");
  const id = await site.submit("carl", 1);
  await honest.until(() => honest.orders.some(({ invocation }) => invocation === id));
  const startedAtMs = performance.now();
  while (performance.now() - startedAtMs < 4) await turn();
  honest.ends({ invocation: id, attempt: 1 }, { wallMs: 3 });
  await honest.isHeard();
  await site.settled();
  expect(await site.recordOf(id)).toMatchObject({ state: "COMPLETED", wallMs: 3 });
  expect((await site.billOf("carl")) - before).toBe(3);
}

/** What Ann has runs on, unbilled. */
async function annIsUntouched(): Promise<void> {
  const { live } = site.parts;
  expect(live.assignments.get(victim.invocation)?.executor).toBe(honest.spec.executor);
  const running = { state: "RUNNING", attempt: victim.attempt };
  expect(live.get(victim.invocation)?.invocation).toMatchObject(running);
  expect(await site.billOf("ann")).toBe(0);
}

const payload = { contentType: "text/plain", body: Buffer.from("done") };
const answer = { kind: "result", payload } as const;
const log = Buffer.from("printed");
const version = versionId("0".repeat(64));

const hostId = "0".repeat(36);
const ofFunctions = (key: AttemptKey) =>
  ({
    fetchBundle: { type: "fetchBundle", version },
    warm: {
      type: "warm",
      workers: [{ uid: 7, version, cores: 1, memoryMb: 1, gpus: 0, count: 1 }],
    },
    aheadEnded: {
      type: "aheadEnded",
      worker: { uid: 7, version, cores: 1, memoryMb: 1, gpus: 0 },
      why: "failed",
    },
    fetchPiece: { type: "fetchPiece", key, offset: 0, wantedBytes: 1 },
    piece: { type: "piece", key, offset: 0, bytes: new Uint8Array(1) },
    noPiece: { type: "noPiece", key, reason: "none" },
    logSoFar: { type: "logSoFar", key, bytes: new Uint8Array(1) },
    serving: { type: "serving", key, port: 1, socket: "gleaner-0", hostId },
    leaseUsage: { type: "leaseUsage", key, clients: 1, calls: 1, busyMs: 1, spinMs: 1 },
  }) as const;

const ofWorkers = {
  phases: { fetchMs: 0, startMs: 0, loadMs: 0, runMs: 0 },
  lease: { calls: 0, busyMs: 0, spinMs: 0 },
};

const amounts = { wallMs: 0, paceUs: 0, shareMs: 0, cpuMs: 0, maxRssMb: 0, agoMs: 0 };
const usage = { ...amounts, isInterrupted: false };

/** All that an executor may say, true but for who says it. */
function trueMessages(held: AttemptKey, others: AttemptKey): TrueMessages {
  const startFailure = { stage: "exec", errno: 2 } as const;
  const ended = {
    exitCode: 0,
    signal: null,
    reason: "it did",
    startFailure,
    answer,
    log,
    ...ofWorkers,
    ...usage,
  };
  const end = { end: "COMPLETED", ...ended } as const;
  const job = jobId(7);
  const where = { waitsIn: "nfs_wait", path: "/home", fileSystem: "nfs4" };
  const who = { invocation: others.invocation, name: "cat", user: "ann" };
  const hanging = { pid: 9, ...who, ...where };
  const budget = { ...evilBudget, gpus: [0], cpuIds: [0], gres: { nvme: 1 } };
  return {
    ready: {
      type: "ready",
      pid: 1,
      hostName: "evil",
      containment: "cgroup2",
      hookProblem: null,
      budget,
      answersFor: [others],
      ...{ markedJobs: [job], hookSequence: 1 },
      ...{ leaving: "drained", nodeIsFull: false, takesRuns: true },
    },
    budget: { type: "budget", budget },
    started: { type: "started", key: others, agoMs: 0 },
    ended: { type: "ended", report: { ...held, ...end }, voucher: Buffer.alloc(1) },
    jobBegan: {
      type: "jobBegan",
      sequence: 1,
      job,
      cores: 1,
      gpus: [0],
      tookMs: 0,
      evicted: [others],
      lostCoreMs: 0,
      agoMs: 0,
    },
    jobEnded: { type: "jobEnded", sequence: 2, job, agoMs: 0 },
    hookKilled: { type: "hookKilled", job, tookMs: 0, left: 1, agoMs: 0 },
    checkpointRemoved: { type: "checkpointRemoved", invocation: others.invocation, problem: null },
    ...ofFunctions(others),
    gpusUnused: { type: "gpusUnused", reason: "none" },
    pressure: {
      type: "pressure",
      report: { job, resource: "cpu", percent: 50, limitPercent: 10, intervalMs: 1_000 },
    },
    preempted: { type: "preempted", job, lostCoreMs: 0, evicted: [{ ...held, ...end }] },
    unkillable: { type: "unkillable", report: { count: 1, processes: [hanging], held: budget } },
    beat: { type: "beat" },
    departing: { type: "departing", reason: "no work", nodeIsFull: true },
    leaving: { type: "leaving", reason: "no work" },
  };
}

const any: AttemptKey = { invocation: invocationId(1), attempt: 1 };
const types = Object.keys(trueMessages(any, any)) as (keyof TrueMessages)[];

test.each(types)(
  "no field of %s ends, bills or stops what another node runs",
  async (type) => {
    let bob = await site.submit("bob", bobsCores);
    let mostCoreMs = 0;
    let lies = 0;
    for (const { at, lie } of liesOf(trueMessages({ invocation: bob, attempt: 1 }, victim)[type])) {
      const orderedAtMs = performance.now();
      const executor = await evil();
      const [order] = await executor.ordered(1);
      const attempt = order!.attempt;
      // The number of the attempt that it holds is another one each time.
      const told = JSON.stringify({ lie, at }).includes('"attempt":1')
        ? atAttempt(lie, bob, attempt)
        : lie;
      executor.say(told);
      await executor.isHeard();
      await site.settled();
      await annIsUntouched();
      const row = await site.recordOf(bob);
      if (row.endedAtMs !== null) {
        mostCoreMs += Math.ceil(performance.now() - orderedAtMs + 1) * bobsCores;
        bob = await site.submit("bob", bobsCores);
      }
      lies++;
      const record = site.parts.registry.get(executor.spec.executor);
      if (record !== undefined) await site.parts.executors.giveUp(record, "the next one's turn");
      if (isDistrusted()) await site.parts.drains.resume(["evil"]);
      expect({ at, bill: (await site.billOf("bob")) <= mostCoreMs }).toEqual({ at, bill: true });
    }
    expect(lies).toBeGreaterThan(type === "beat" ? 4 : 10);
    // Who waited longest would be waited for.
    const last = await evil();
    const [order] = await last.ordered(1);
    last.ends({ invocation: bob, attempt: order!.attempt });
    await last.isHeard();
    await carlIsServed();
    expect(await store.verifyLedger()).toMatchObject({ balanced: true });
  },
  300_000,
);

/** The same lie of the attempt that is held now. */
function atAttempt(lie: unknown, invocation: InvocationId, attempt: number): unknown {
  const text = JSON.stringify(lie, (_, value) => (Number.isNaN(value) ? null : value));
  const held = new RegExp(`"invocation":${invocation},"attempt":1\\b`, "g");
  const told = text.replace(held, `"invocation":${invocation},"attempt":${attempt}`);
  return JSON.parse(told, (_, value) => (value?.type === "Buffer" ? Buffer.from(value) : value));
}

describe("an executor", () => {
  test("that ends another's work is refused and logged, and its node avoided until it is resumed", async () => {
    const executor = await evil();
    executor.ends(victim, { wallMs: 5 });
    await executor.isHeard();
    expect(executor.isOver).toBe(true);
    await annIsUntouched();
    expect(isDistrusted()).toBe(true);
    expect(site.parts.drains.drainedBy(nodeName("evil"))).toMatch(
      /^gleanerd, which does not believe the node: attempt 1 of invocation \d+ is not one of its attempts$/,
    );
    const lines = site.logged.filter((line) => line.includes("is not trusted"));
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ node: "evil" });
    // The next daemon knows.
    await site.settled();
    await site.stop();
    await site.start();
    expect(isDistrusted()).toBe(true);
    await site.parts.drains.resume(["evil"]);
    expect(isDistrusted()).toBe(false);
    expect(await store.loadDrained()).toEqual([]);
  });

  test.each([
    ["317 years", { wallMs: 10_000_000_000_000 }],
    ["more than its time since the order", { wallMs: 200_000 }],
    ["an end before its order", { agoMs: 10_000_000 }],
    ["a success with a failure's exit code", { exitCode: 3 }],
    ["that it was cancelled, which nobody asked for", { end: "CANCELLED", exitCode: null }],
    ["that its hour is over, after milliseconds", { end: "TIMEOUT", exitCode: null }],
  ] as const)("that reports %s is not trusted, and its work runs elsewhere", async (_, change) => {
    const id = await site.submit("bob", bobsCores);
    const executor = await evil();
    await executor.ordered(1);
    executor.ends({ invocation: id, attempt: 1 }, change);
    await executor.isHeard();
    await site.settled();
    expect(isDistrusted()).toBe(true);
    expect(await site.billOf("bob")).toBe(0);
    expect(site.parts.live.get(id)?.invocation.state).toBe("PENDING");
  });

  test("that reports slightly too much time is billed no more than gleanerd's own clock allows", async () => {
    const startedAtMs = performance.now();
    const id = await site.submit("bob", bobsCores);
    const executor = await evil();
    await executor.ordered(1);
    executor.ends({ invocation: id, attempt: 1 }, { wallMs: 30_000, cpuMs: 1e9, maxRssMb: 1e9 });
    await executor.isHeard();
    await site.settled();
    const { wallMs } = await site.recordOf(id);
    expect(wallMs).toBeLessThanOrEqual(performance.now() - startedAtMs + 1);
    expect(await site.billOf("bob")).toBe(wallMs! * bobsCores);
  });

  test("with a budget that was not ordered gets no work for it", async () => {
    for (let task = 0; task < 20; task++) await site.submit("bob", bobsCores);
    const executor = await evil({ cores: 65_536, memoryMb: 10_000_000, gpus: [] });
    await executor.isHeard();
    expect(executor.orders).toEqual([]);
    expect(isDistrusted()).toBe(true);
  });

  test("gets no more than was ordered for its node after a restart, whatever it reports", async () => {
    const id = await site.submit("bob", bobsCores);
    const executor = await evil();
    await executor.ordered(1);
    await site.stop();
    await site.start();
    for (let task = 0; task < 20; task++) await site.submit("carl", bobsCores);
    const again = await site.connect(executor.spec);
    const held = { invocation: id, attempt: 1 };
    again.ready({ cores: 65_536, memoryMb: 10_000_000, gpus: [] }, { answersFor: [held, victim] });
    await again.isHeard();
    expect(again.orders).toEqual([]);
    // Nor does it bill for the time before it, and what it does not hold it does not end.
    again.ends(held, { wallMs: 10_000_000_000_000 });
    await again.isHeard();
    expect(isDistrusted()).toBe(true);
    expect(await site.billOf("bob")).toBe(0);
  });

  test("that ends an attempt before it was ordered is not trusted", async () => {
    const executor = await evil();
    await executor.isHeard();
    const record = site.parts.registry.get(executor.spec.executor)!;
    const id = await site.submit("bob", bobsCores);
    while (!record.attempts.has(id)) await turn();
    executor.ends({ invocation: id, attempt: 1 });
    // Whichever comes first: nothing is billed but by the clock.
    await executor.isHeard();
    expect(await site.billOf("bob")).toBeLessThan(1_000);
  });

  test("that holds an attempt forever loses it, and is no longer used", async () => {
    const id = await site.submit("bob", bobsCores, 60_000);
    const executor = await evil();
    await executor.ordered(1);
    clock.forward(200_000);
    overdue.look();
    expect(site.parts.live.assignments.get(id)?.state).toBe("begun");
    clock.forward(200_000);
    overdue.look();
    await site.settled();
    expect(isDistrusted()).toBe(true);
    expect(site.parts.live.get(id)?.invocation.state).toBe("PENDING");
    await annIsUntouched();
  });

  test("that holds an attempt because its processes hang in the kernel loses only that attempt", async () => {
    const id = await site.submit("bob", bobsCores, 60_000);
    const executor = await evil();
    await executor.ordered(1);
    executor.say(trueMessages(any, { invocation: id, attempt: 1 }).unkillable);
    await executor.isHeard();
    clock.forward(400_000);
    overdue.look();
    await site.settled();
    expect(isDistrusted()).toBe(false);
    const [attempt] = await store.listAttempts(id);
    expect(attempt).toMatchObject({ number: 1, state: "LOST" });
  });

  test.each(["EVICTED", "LOST"] as const)(
    "that returns all its work as %s is left alone for a while",
    async (end) => {
      const id = await site.submit("bob", bobsCores);
      const executor = await evil();
      const illness = () => site.parts.startFailures.illness(nodeName("evil"));
      let rounds = 0;
      for (; illness() === null && rounds < 30; rounds++) {
        const orders = await executor.ordered(rounds + 1);
        const { attempt } = orders.at(-1)!;
        executor.ends({ invocation: id, attempt }, { end, exitCode: null });
        await executor.isHeard();
        await site.settled();
        clock.forward(1_000);
      }
      expect(rounds).toBe(end === "LOST" ? 5 : 20);
      expect(illness()?.detail).toMatch(/all of its recent work/);
      expect(site.parts.registry.get(executor.spec.executor)?.state).toBe("draining");
      expect(isDistrusted()).toBe(false);
      await annIsUntouched();
    },
  );

  test("that says again and again that it has no memory only takes itself out of use", async () => {
    const id = await site.submit("bob", bobsCores);
    const fullness = () => site.parts.startFailures.fullness(nodeName("evil"));
    const executor = await evil();
    await executor.ordered(1);
    for (let round = 0; round < 100; round++)
      executor.say({ type: "departing", reason: "full", nodeIsFull: true });
    executor.ends({ invocation: id, attempt: 1 });
    await executor.isHeard();
    await site.settled();
    const { untilMs } = fullness()!;
    expect(untilMs).toBeLessThanOrEqual(nowMs() + 60_000);
    expect(executor.heard.filter(({ type }) => type === "stop")).toHaveLength(1);
    expect(await site.recordOf(id)).toMatchObject({ state: "COMPLETED" });
    // What it says on a new connection is heard as well, and changes nothing while it is avoided.
    const late = await site.executorOn("evil", evilBudget.cores);
    late.ready(evilBudget, { leaving: "full", nodeIsFull: true });
    await late.isHeard();
    expect(fullness()?.untilMs).toBe(untilMs);
    expect(late.orders).toEqual([]);
    expect(isDistrusted()).toBe(false);
    await carlIsServed();
    await annIsUntouched();
    clock.forward(60_001);
    expect(fullness()).toBeNull();
  });

  test("that floods is read slowly, delays nobody and does not fill the log", async () => {
    // Without memory it is given nobody's work, and its cores are on record all the same.
    const budget = { ...evilBudget, memoryMb: 0 };
    const executor = await evil(budget);
    const lines = site.logged.length;
    for (let round = 0; round < 50_000; round++) {
      executor.say({ type: "budget", budget: { ...budget, cores: round % 5 } });
      executor.say({
        type: "pressure",
        report: { job: null, resource: "cpu", percent: 1, limitPercent: 1, intervalMs: 1 },
      });
    }
    for (let round = 0; round < 20; round++) await carlIsServed();
    await annIsUntouched();
    expect(site.logged.length - lines).toBeLessThan(100);
  }, 60_000);

  test("that reads nothing does not delay orders to others", async () => {
    const executor = await evil();
    await executor.isHeard();
    (executor.connection as unknown as { socket: { pause(): void } }).socket.pause();
    for (let task = 0; task < 2; task++) await site.submit("bob", bobsCores);
    await carlIsServed();
    await annIsUntouched();
  });

  test("that nobody launched cannot authenticate", async () => {
    const spec = { ...honest.spec, executor: executorId("evil.1") };
    await expect(site.connect(spec)).rejects.toThrow("is not this executor's gleanerd");
  });
});
