// The capacity loop with a made-up Slurm: when it reads, what it plans from that, and what it tells
// executors.

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { type Time, useTime } from "../../../../src/clock.js";
import { executorMemoryMb } from "../../../../src/core/capacity/pilots.js";
import { SurvivalModel } from "../../../../src/core/forecast/survival.js";
import { Capacity, type CapacityDependencies } from "../../../../src/daemon/capacity/capacity.js";
import type { Events } from "../../../../src/daemon/state/events.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import type { Registry } from "../../../../src/daemon/state/registry.js";
import { executorId, type JobId, jobId, nodeName } from "../../../../src/model/ids.js";
import type { Snapshot } from "../../../../src/model/slurm/snapshot.js";
import type { DaemonMessage } from "../../../../src/wire/messages.js";
import { newState } from "../../../support/daemon/state.js";
import { job, node, policy, snapshot } from "../../../support/nouns.js";

const [n1, n2] = [nodeName("n1"), nodeName("n2")];
const startMs = 100_000;

let nowMs: number;
let goBack: () => void;
let timers: { atMs: number; callback: () => void }[];
let next: () => Snapshot | Promise<Snapshot>;
let commands: number;
let events: Events;
let registry: Registry;
let started: [string, object][];
let sent: DaemonMessage[];
let recorded: number;
let capacity: Capacity;

beforeEach(() => {
  [nowMs, commands, recorded] = [startMs, 0, 0];
  [timers, started, sent] = [[], [], []];
  goBack = useTime({
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    setTimeout: (callback: () => void, delayMs: number) => {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.push(timer);
      return timer;
    },
    clearTimeout: (timer: object) => {
      timers = timers.filter((each) => each !== timer);
    },
  } as unknown as Time);
  ({ events, registry } = newState());
  events.subscribe(["snapshotRead"], () => void recorded++);
  next = () => seen({});
  capacity = make();
});
afterEach(() => goBack());

const seen = (change: Partial<Snapshot>) =>
  snapshot({ nodes: [node({ name: n1 })], nodesAskedAtMs: nowMs, jobsAskedAtMs: nowMs, ...change });

function make(change: object = {}): Capacity {
  return new Capacity({
    cluster: {
      readSnapshot: async () => {
        commands += 3;
        return await next();
      },
      commandCount: () => commands,
      rpcCount: () => 2 * commands,
    },
    registry,
    launching: {
      failing: new Map(),
      startsAtOnce: 64,
      start: ({ name }: { name: string }, order: object) => started.push([name, order]),
    },
    events,
    learning: { planMade: () => {}, openedAtMs: () => null, survival: new SurvivalModel() },
    dispatcher: { kick: () => {} },
    checkpoints: { sweep: () => {} },
    guard: { keepOnly: () => {}, interference: () => null },
    drains: { drainedBy: () => null },
    startFailures: { illness: () => null, fullness: () => null },
    pilots: null,
    programs: {
      hook: "prolog",
      prolog: "/usr/libexec/gleaner/glean-prolog",
      epilog: "/usr/libexec/gleaner/glean-epilog",
      prologWrapper: null,
    },
    holePolicy: policy,
    pacePolicy: { intervalMs: 5_000, minimumMs: 250, maximumMs: 60_000, staleMs: 15_000 },
    log: pino({ level: "silent" }),
    ...change,
  } as unknown as CapacityDependencies);
}

/** The next read, when it is due. */
async function pass(): Promise<void> {
  const [due] = timers.splice(0);
  nowMs = due!.atMs;
  due!.callback();
  await settled();
}
const settled = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};
const dueInMs = () => timers.map(({ atMs }) => atMs - nowMs);

function addReady(on = n1, marked: readonly [number, number][] = []): ExecutorRecord {
  const record = new ExecutorRecord(executorId(`x-${on}`), on, "", nowMs);
  record.become("starting");
  record.become("ready");
  record.line = { send: (message) => sent.push(message) > 0, close: () => {} };
  for (const [id, sequence] of marked) record.markedJobs.set(jobId(id), sequence);
  registry.add(record);
  return record;
}
const forgotten = () =>
  sent.flatMap((message): readonly JobId[] => (message.type === "forgetJobs" ? message.jobs : []));

describe("reading", () => {
  test("continues at its pace, and earlier when woken", async () => {
    await capacity.start();
    expect(dueInMs()).toEqual([5_000]);
    capacity.wake();
    capacity.wake();
    expect(dueInMs()).toEqual([250]);
    await pass();
    expect(dueInMs()).toEqual([5_000]);
    nowMs += 100;
    capacity.wake();
    expect(dueInMs()).toEqual([150]);
  });

  test("is fast after a job that was leaving when Slurm told its queue, but not its nodes", async () => {
    const leaving = job({ id: jobId(1), nodes: [n1], state: "COMPLETING" });
    next = () => seen({ jobs: [leaving] });
    await capacity.start();
    expect(dueInMs()).toEqual([250]);
    next = () => seen({});
    await pass();
    expect(dueInMs()).toEqual([5_000]);
    expect(started.map(([name]) => name)).toEqual(["n1"]);
  });

  test("is fast, then slower, while a job is leaving its node", async () => {
    const leaving = [node({ name: n1, baseState: "MIXED", flags: ["COMPLETING"] })];
    next = () => seen({ nodes: leaving });
    await capacity.start();
    expect(dueInMs()).toEqual([250]);
    await pass();
    expect(dueInMs()).toEqual([500]);
    capacity.wake();
    await pass();
    expect(dueInMs()).toEqual([250]);
    next = () => seen({});
    await pass();
    expect(dueInMs()).toEqual([5_000]);
  });

  test("that fails keeps the last view and the reason, and is retried with backoff", async () => {
    await capacity.start();
    expect([capacity.problem, capacity.stale, recorded]).toEqual([null, false, 1]);
    const view = capacity.snapshot;
    next = () => Promise.reject(new Error("no answer"));
    await pass();
    expect(capacity.problem).toBe("no answer");
    expect([capacity.snapshot, recorded]).toEqual([view, 1]);
    expect(dueInMs()).toEqual([5_000]);
    await pass();
    expect(dueInMs()).toEqual([10_000]);
    await pass();
    expect(capacity.stale).toBe(true);
    next = () => seen({});
    await pass();
    expect([capacity.problem, capacity.stale, recorded]).toEqual([null, false, 2]);
  });

  test("that hangs is reported as a problem once the view is stale", async () => {
    await capacity.start();
    next = () => new Promise(() => {});
    await pass();
    expect(capacity.problem).toBeNull();
    nowMs += 14_000;
    expect(capacity.problem).toMatch(/has not answered for 14 s/);
    capacity.wake();
    expect(timers).toEqual([]);
  });

  test("counts the requests of the last minute", async () => {
    await capacity.start();
    await pass();
    expect(capacity.load).toEqual({ commandsPerMinute: 6, rpcsPerMinute: 12 });
    nowMs = startMs + 60_001;
    expect(capacity.load).toEqual({ commandsPerMinute: 3, rpcsPerMinute: 6 });
  });

  test("stops when requested", async () => {
    await capacity.start();
    await capacity.stop();
    capacity.wake();
    expect(timers).toEqual([]);
  });

  test("does not happen before the start", () => {
    capacity.wake();
    expect(timers).toEqual([]);
    expect([capacity.snapshotAgeMs, capacity.stale, capacity.largestNode()]).toEqual([
      null,
      true,
      null,
    ]);
  });
});

test("the most that an invocation could get is the largest amount of each resource on any node", async () => {
  const nodes = [node({ gpuCount: 2, memoryMb: 1_000 }), node({ name: n2, cores: 4 })];
  next = () => seen({ nodes });
  await capacity.start();
  expect(capacity.largestNode()).toEqual({ cores: 16, memoryMb: 31_500, gpus: 2 });
});

test("the most that an invocation could get in a pilot has no GPUs, and the memory of a pilot's cores", async () => {
  const { facts } = seen({});
  const pilots = { look: (read: Snapshot) => read, newCommands: () => 0, planMade: () => {} };
  next = () =>
    seen({ nodes: [node({ gpuCount: 2 })], facts: { ...facts, maxMemoryPerCoreMb: 1_000 } });
  capacity = make({ pilots: { ...pilots, problem: null, start: () => {} } });
  await capacity.start();
  const memoryMb = 16_000 - executorMemoryMb;
  expect(capacity.largestNode()).toEqual({ cores: 16, memoryMb, gpus: 0 });
});

describe("a plan", () => {
  test("starts an executor in a hole, and tells it the jobs on the node", async () => {
    const nodes = [node({ name: n1, baseState: "MIXED", allocatedCores: 4 })];
    const there = job({ id: jobId(7), state: "RUNNING", nodes: [n1], cores: 4 });
    next = () => seen({ nodes, jobs: [there, job({ id: jobId(8) })] });
    await capacity.start();
    expect(started).toMatchObject([
      ["n1", { budget: { cores: 12 }, knownJobs: [7], isUnderExclusive: false }],
    ]);
  });

  test("starts as many executors as the launcher can", async () => {
    const nodes = Array.from({ length: 1_000 }, (_, at) => node({ name: nodeName(`n${at}`) }));
    next = () => seen({ nodes });
    const begin = ({ name }: { name: string }, order: object) => started.push([name, order]);
    capacity = make({ launching: { failing: new Map(), startsAtOnce: 64, start: begin } });
    await capacity.start();
    expect(started).toHaveLength(64);
    capacity = make({ launching: { failing: new Map(), startsAtOnce: 1_000, start: begin } });
    await capacity.start();
    expect(started).toHaveLength(1_064);
  });

  test("starts no executor where slurm.conf does not run the hook", async () => {
    const programs = { hook: "prolog", prolog: "/other", epilog: "/other", prologWrapper: null };
    capacity = make({ programs });
    await capacity.start();
    expect(started).toEqual([]);
    expect(capacity.plan!.unusable).toMatchObject([{ reason: { kind: "noHook" } }]);
  });

  test("tells an executor its budget and the last hook event in the view", async () => {
    const record = addReady();
    record.hookSequence = 3;
    next = () => {
      record.hookSequence = 9; // while Slurm was read
      return seen({});
    };
    await capacity.start();
    expect(sent.slice(0, 1)).toMatchObject([
      { type: "budget", budget: { cores: 16 }, seenHookSequence: 3, facts: { totalCores: 16 } },
    ]);
    record.claimed = { cores: 99, memoryMb: 99_000, gpus: [] };
    expect(record.budget.cores).toBe(16);
  });

  test("tells nothing to an executor that connected while Slurm was read", async () => {
    next = () => {
      addReady();
      return seen({});
    };
    await capacity.start();
    expect(sent.filter(({ type }) => type === "budget")).toEqual([]);
  });

  test("stops an executor whose node is full, and says so once", async () => {
    const record = addReady();
    next = () => seen({ nodes: [node({ baseState: "ALLOCATED", allocatedCores: 16 })] });
    await capacity.start();
    await pass();
    expect(sent).toMatchObject([{ type: "stop" }]);
    expect(record.state).toBe("draining");
  });

  test("tells the end of the hole when a job is planned there", async () => {
    const record = addReady();
    const planned = job({ startAtMs: startMs + 50_000, plannedNodes: [n1] });
    next = () => seen({ jobs: [planned] });
    await capacity.start();
    expect(record.hole).toMatchObject({ kind: "wholeNode", endsAtMs: startMs + 50_000 });
    expect(sent.filter(({ type }) => type === "foresee")).toEqual([
      { type: "foresee", inMs: 50_000, reason: "Slurm plans to use n1 soon" },
    ]);
    await pass();
    expect(sent.filter(({ type }) => type === "foresee")).toHaveLength(1);
  });
});

describe("the mark of a job whose epilog never ran", () => {
  const there = job({ id: jobId(5), state: "RUNNING", nodes: [n1], cores: 1 });
  const nodes = [node({ name: n1, baseState: "MIXED", allocatedCores: 1 })];

  test("is forgotten when a view that includes it shows no such job", async () => {
    const record = addReady(n1, [
      [5, 1],
      [6, 2],
      [7, 3],
    ]);
    record.hookSequence = 2;
    next = () => seen({ nodes, jobs: [there] });
    await capacity.start();
    expect(forgotten()).toEqual([6]);
    expect([...record.markedJobs.keys()]).toEqual([5, 7]);
  });

  test("is kept if a line could not be read or the read failed", async () => {
    addReady(n1, [[6, 0]]);
    next = () => seen({ nodes, unreadable: ["a line"] });
    await capacity.start();
    next = () => Promise.reject(new Error("no answer"));
    await pass();
    expect(forgotten()).toEqual([]);
    next = () => seen({ nodes });
    await pass();
    expect(forgotten()).toEqual([6]);
  });
});
