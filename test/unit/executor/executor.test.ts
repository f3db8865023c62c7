// How an executor handles orders, jobs and its own exit, with commands that end when the test says.

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Containment } from "../../../src/executor/containment/containment.js";
import { processGroups } from "../../../src/executor/containment/process-groups.js";
import { Executor } from "../../../src/executor/executor.js";
import { tellKillNotes } from "../../../src/executor/kill-notes.js";
import type { ProcessEnd } from "../../../src/executor/runtimes/runtime.js";
import { executorId, invocationId, jobId, nodeName } from "../../../src/model/ids.js";
import { noIsolation } from "../../../src/wire/isolation.js";
import type { LaunchSpec } from "../../../src/wire/launch.js";
import type { ExecutorMessage } from "../../../src/wire/messages.js";
import { attemptOrder } from "../../support/executor/orders.js";

const budget = { cores: 8, memoryMb: 8_000, gpus: [] };
const orderOf = (change: Partial<typeof budget> = {}) =>
  ({
    type: "budget",
    budget: { ...budget, ...change },
    seenHookSequence: 0,
    knownJobs: [],
  }) as const;
const spec = {
  executor: executorId("x1"),
  node: nodeName("n1"),
  spawnProgram: "spawn",
  isolation: noIsolation,
  killWaitMs: 100,
  budget: { budget, seenHookSequence: 0, knownJobs: [] },
  memoryIsConsumable: false,
  maxMemoryPerCoreMb: null,
  maxCpusPerToldCpu: 1,
  jobsArePinned: false,
  topologyFolder: null,
  cpuTotal: 8,
  gpuTotal: 0,
  gpuDevices: null,
  totalCores: 8,
} as unknown as LaunchSpec;
const done: ProcessEnd = {
  kind: "ended",
  exitCode: 0,
  signal: 0,
  startNs: 0n,
  endNs: 5_000_000n,
  cpuMs: 0,
  maxRssMb: 1,
  oomKills: 0,
  brokenProcessLimit: null,
};
/** By our signal, which it follows. */
const killed = (): ProcessEnd => {
  const endNs = process.hrtime.bigint();
  return { ...done, signal: 9, startNs: endNs - 5_000_000n, endNs };
};

let executor: Executor;
let told: ExecutorMessage[];
let gone: string[];
let logged: string[];
/** By invocation, and what was started for a checkpoint's removal as 0. */
let runs: Map<number, { end(how: ProcessEnd): void }>;
let containment: Containment;
let limits: number[];

beforeEach(() => {
  limits = [];
  runs = new Map();
  containment = { ...processGroups, limit: ({ cores }) => void limits.push(cores) };
  executor = make();
});

/** Their time limits end with them. */
afterEach(() => {
  for (const { end } of runs.values()) end(done);
});

function make(folder: object = {}, launch = spec): Executor {
  // What ends after its test must not be seen by the next one.
  const [messages, reasons, lines]: [ExecutorMessage[], string[], string[]] = [[], [], []];
  [told, gone, logged] = [messages, reasons, lines];
  const marks = { readMarks: () => [], removeMarks: () => {}, takeKillNotes: () => [] };
  const made = new Executor(
    launch,
    { ...marks, ...folder },
    containment,
    (event, details) => void lines.push(`${event} ${JSON.stringify(details ?? {})}`),
    {
      ...{ gone: (reason: string) => void reasons.push(reason), isNodeShortOf: () => true },
      spawner: {
        start: (order, _group, events) => {
          let hasEnded = false;
          const end = (how: ProcessEnd) => {
            if (!hasEnded) events.onEnd(how);
            hasEnded = true;
          };
          const isRemoval = "checkpointDirectory" in order && order.command.kind !== "argv";
          runs.set(isRemoval ? 0 : order.invocation, { end });
          const kill = () => void setImmediate(() => end(killed()));
          return { terminate: kill, notify: () => {}, kill };
        },
        close: async () => {},
      },
    },
  );
  made.onConnected((message) => {
    messages.push(message);
    if (message.type === "ended") made.onMessage({ type: "recorded", key: message.report });
    return true;
  });
  return made;
}

const start = (id: number, change: Parameters<typeof attemptOrder>[0] = {}) =>
  executor.onMessage({
    type: "start",
    order: attemptOrder({ invocation: invocationId(id), ...change }),
  });
const of = <T extends ExecutorMessage["type"]>(type: T) =>
  told.filter((each): each is Extract<ExecutorMessage, { type: T }> => each.type === type);
const ends = () => of("ended").map(({ report }) => [report.invocation, report.end, report.reason]);
const settled = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};
const begin = (id: number, cpus: number) =>
  executor.begin({
    kind: "begin",
    job: { job: jobId(id), cpus, gpus: [] },
    startNs: process.hrtime.bigint(),
    answerMs: 1_000,
  } as Parameters<Executor["begin"]>[0]);

describe("an executor whose hook has not been found", () => {
  test("says so, has no budget and runs nothing", async () => {
    expect(of("ready")).toMatchObject(
      [{ hookProblem: /not been probed/, budget: { cores: 0 } }].map((each) => ({
        ...each,
        hookProblem: expect.stringMatching(each.hookProblem),
      })),
    );
    start(1);
    expect(ends()).toEqual([[1, "EVICTED", expect.stringMatching(/not been probed/)]]);
    executor.onMessage(orderOf());
    await settled();
    expect(of("budget")).toEqual([]);
    executor.setHookProblem("it is silent");
    start(2);
    expect(ends()[1]).toEqual([2, "EVICTED", "it is silent"]);
    expect(logged.join()).toMatch(/hookProblem .*it is silent/);
    expect([runs.size, limits]).toEqual([0, []]);
  });

  test("applies the last order once the hook is found", () => {
    executor.onMessage(orderOf({ cores: 6 }));
    executor.setHookProblem(null);
    expect(of("budget")).toMatchObject([{ budget: { cores: 6 } }]);
    expect(limits).toEqual([6]);
  });
});

describe("an order to start", () => {
  beforeEach(() => executor.setHookProblem(null));

  test("is obeyed once, and the attempt's end is reported", () => {
    start(1);
    start(1);
    expect(runs.size).toBe(1);
    expect(executor.running).toHaveLength(1);
    runs.get(1)!.end(done);
    expect(ends()).toEqual([[1, "COMPLETED", null]]);
    expect(executor.running).toEqual([]);
  });

  test("without enough room is returned", () => {
    start(1, { cores: 6 });
    start(2, { cores: 3 });
    expect(ends()).toEqual([[2, "EVICTED", expect.stringMatching(/taken meanwhile/)]]);
    start(3, { cores: 2 });
    expect([...runs.keys()]).toEqual([1, 3]);
  });
});

describe("an order that follows another", () => {
  const follow = (id: number, ahead: number) =>
    start(id, { cores: 8, after: { invocation: invocationId(ahead), attempt: 1 } });
  beforeEach(() => {
    executor.setHookProblem(null);
    start(1, { cores: 8 });
    for (const id of [2, 3, 4]) follow(id, id - 1);
  });

  test("begins in the place of that one, and only its end is reported", async () => {
    expect([...runs.keys()]).toEqual([1]);
    runs.get(1)!.end(done);
    await settled();
    expect([...runs.keys()]).toEqual([1, 2]);
    runs.get(2)!.end(done);
    await settled();
    follow(3, 2); // repeated
    runs.get(3)!.end(done);
    await settled();
    runs.get(4)!.end(done);
    expect(ends()).toEqual([1, 2, 3, 4].map((id) => [id, "COMPLETED", null]));
    expect(of("started").map(({ key }) => key.invocation)).not.toContain(2);
  });

  test("begins at once if that one is not here", () => {
    runs.get(1)!.end(done);
    executor.onMessage({ type: "cancel", key: { invocation: invocationId(2), attempt: 1 } });
    follow(9, 8);
    expect([...runs.keys()]).toContain(9);
  });

  test("is answered for, and ends if it is cancelled", async () => {
    const first: ExecutorMessage[] = [];
    executor.onConnected((message) => first.push(message) > 0);
    const named = [1, 2, 3, 4].map((id) => ({ invocation: invocationId(id), attempt: 1 }));
    expect(first[0]).toMatchObject({ answersFor: named });
    const messages: ExecutorMessage[] = [];
    told = messages;
    executor.onConnected((message) => messages.push(message) > 0);
    executor.onMessage({ type: "cancel", key: named[1]! });
    expect(ends()).toEqual([[2, "CANCELLED", expect.any(String)]]);
    runs.get(1)!.end(done);
    await settled();
    expect([...runs.keys()]).toEqual([1, 3]);
  });

  test.each(["drain", "stop"] as const)("goes back to the queue upon a %s", async (type) => {
    executor.onMessage({ type, reason: "ann" });
    const back = [2, 3, 4].map((id) => [id, "EVICTED", "ann"]);
    expect(ends()).toEqual(back);
    runs.get(1)!.end(done);
    await settled();
    expect([...runs.keys()]).toEqual([1]);
    expect(gone).toEqual(["ann"]);
  });
});

describe("a smaller budget", () => {
  beforeEach(() => executor.setHookProblem(null));

  test("ends no more than it has to, and is then the limit", async () => {
    start(1, { cores: 4 });
    start(2, { cores: 4 });
    executor.onMessage(orderOf({ cores: 5 }));
    await settled();
    expect(ends()).toEqual([
      [expect.any(Number), "EVICTED", expect.stringMatching(/reduced the budget/)],
    ]);
    expect(of("budget").at(-1)).toMatchObject({ budget: { cores: 5 } });
    expect(limits.at(-1)).toBe(5);
    expect(gone).toEqual([]);
  });

  test("of nothing makes the executor leave, and is not applied as a limit", async () => {
    executor.onMessage(orderOf({ cores: 0 }));
    await settled();
    expect(gone).toEqual([expect.stringMatching(/reduced the budget to nothing/)]);
    expect(limits).toEqual([8]);
  });

  test("that the kernel refuses as a limit is logged, but still applies to orders", async () => {
    containment.limit = () => {
      throw new Error("EBUSY");
    };
    executor.onMessage(orderOf({ cores: 5 }));
    await settled();
    expect(logged.join()).toMatch(/refused the limits: EBUSY/);
    expect(of("budget").at(-1)).toMatchObject({ budget: { cores: 5 } });
  });
});

describe("a Slurm job", () => {
  beforeEach(() => executor.setHookProblem(null));

  test("has its cores when its prolog is answered, and the cost is reported afterwards", async () => {
    start(1, { cores: 4 });
    start(2, { cores: 4 });
    expect(await begin(7, 3)).toBe(1);
    await settled();
    expect(ends()).toEqual([
      [expect.any(Number), "EVICTED", expect.stringMatching(/gave its resources to job 7/)],
    ]);
    const victim = ends()[0]![0];
    const [first] = told.filter(({ type }) => type !== "ready" && type !== "started").slice(1);
    expect(first).toMatchObject({ type: "budget", budget: { cores: 5 } });
    expect(of("jobBegan")).toMatchObject([
      { sequence: 1, job: 7, cores: 3, evicted: [{ invocation: victim }], lostCoreMs: 20 },
    ]);
    executor.end(jobId(7));
    expect(of("jobEnded")).toMatchObject([{ sequence: 2, job: 7 }]);
  });

  test("is reported if functions run beside it, and not while none runs", async () => {
    await begin(7, 3);
    expect([...executor.jobsBesideWork]).toEqual([]);
    start(1);
    expect([...executor.jobsBesideWork]).toEqual([7]);
  });

  test("that takes all resources makes the executor leave", async () => {
    await begin(7, 8);
    await settled();
    expect(gone).toEqual([expect.stringMatching(/job 7 took all/)]);
  });
});

describe("a step of a job", () => {
  beforeEach(() => executor.setHookProblem(null));

  test("whose prolog has reported changes nothing", async () => {
    start(1);
    await begin(7, 1);
    await executor.stepBegan(jobId(7));
    expect(of("jobBegan")).toHaveLength(1);
    expect(ends()).toEqual([]);
  });

  test("that ran no prolog ends all functions, as its job may have the whole node", async () => {
    start(1);
    start(2);
    await executor.stepBegan(jobId(7));
    await settled();
    expect(ends()).toHaveLength(2);
    expect(of("jobBegan")).toMatchObject([{ job: 7 }]);
    expect(logged.join()).toContain('jobWithoutProlog {"job":7}');
  });

  test("that starts after the job's epilog counts as a new job", async () => {
    await begin(7, 1);
    executor.end(jobId(7));
    start(1);
    await executor.stepBegan(jobId(7));
    await settled();
    expect(ends()).toHaveLength(1);
  });

  test("that the launch order included changes nothing until its epilog", async () => {
    executor = make({}, { ...spec, budget: { ...spec.budget, knownJobs: [jobId(7)] } });
    executor.setHookProblem(null);
    start(1);
    await executor.stepBegan(jobId(7));
    expect(of("jobBegan")).toEqual([]);
    executor.end(jobId(7));
    await executor.stepBegan(jobId(7));
    await settled();
    expect(of("jobBegan")).toHaveLength(1);
  });
});

describe("marks and notes", () => {
  test("deduct the cores of earlier jobs, unless their prolog has reported since", async () => {
    const mark = { job: jobId(7), cpus: 3, gpus: [] };
    executor = make({ readMarks: () => [mark, { ...mark, job: jobId(8) }] });
    await begin(7, 1);
    executor.readMarks();
    executor.setHookProblem(null);
    expect(of("budget").at(-1)).toMatchObject({ budget: { cores: 4 } });
  });

  test("report executors that the hook killed, with the time passed since", () => {
    const note = { job: jobId(7), tookMs: 30, left: 0, atWallMs: Date.now() - 5_000 };
    tellKillNotes({ takeKillNotes: () => [note] }, executor.outbox);
    const [said] = of("hookKilled");
    expect(said).toMatchObject({ job: 7, tookMs: 30, left: 0 });
    expect(said).not.toHaveProperty("atWallMs");
    expect(Math.round(said!.agoMs / 1_000)).toBe(5);
  });

  test("are removed with forgotten jobs, and a failed removal is logged", () => {
    const removed: unknown[] = [];
    const mark = { job: jobId(7), cpus: 3, gpus: [] };
    const removeMarks = (jobs: ReadonlySet<number>) => {
      removed.push([...jobs]);
      if (removed.length > 1) throw new Error("read-only");
    };
    executor = make({ readMarks: () => [mark], removeMarks });
    executor.readMarks();
    executor.onMessage({ ...orderOf(), seenHookSequence: 9 });
    executor.onMessage({ type: "forgetJobs", jobs: [jobId(7)] });
    expect(removed).toEqual([[7]]);
    executor.onMessage({ type: "forgetJobs", jobs: [jobId(7)] });
    expect(logged.join()).toMatch(/cannot remove marks: read-only/);
  });
});

describe("leaving", () => {
  beforeEach(() => executor.setHookProblem(null));

  test("happens once all attempts have ended if drained, and no other begins", async () => {
    start(1);
    executor.onMessage({ type: "drain", reason: "drained by ann" });
    start(2);
    expect(ends()).toEqual([[2, "EVICTED", expect.stringMatching(/leaving/)]]);
    await settled();
    expect(gone).toEqual([]);
    runs.get(1)!.end(done);
    await settled();
    expect(of("leaving")).toEqual([{ type: "leaving", reason: "drained by ann" }]);
    expect(gone).toEqual(["drained by ann"]);
    executor.onConnected((message) => told.push(message) > 0);
    expect(of("ready").at(-1)).toMatchObject({ leaving: "drained by ann" });
  });

  test("happens at once, and only once, if drained without work", async () => {
    executor.onMessage({ type: "drain", reason: "first" });
    executor.onMessage({ type: "drain", reason: "second" });
    executor.onMessage({ type: "stop", reason: "third" });
    await settled();
    expect(gone).toEqual(["first"]);
  });

  test("evicts all attempts with the given reason if stopped", async () => {
    start(1);
    executor.onMessage({ type: "stop", reason: "the hole closes" });
    await settled();
    expect(ends()).toEqual([[1, "EVICTED", "the hole closes"]]);
    expect(gone).toEqual(["the hole closes"]);
    expect(logged.join()).toMatch(/leaving .*the hole closes/);
  });
});

describe("a checkpoint's removal", () => {
  const remove = (id: number) =>
    executor.onMessage({
      type: "removeCheckpoint",
      order: { invocation: invocationId(id), uid: 1, gid: 1, user: "ann", path: "/tmp/state" },
    });

  test("needs one of the executor's cores", () => {
    remove(1);
    expect(runs.size).toBe(0);
    executor.setHookProblem(null);
    remove(1);
    expect(runs.size).toBe(1);
    [...runs.values()][0]!.end(done);
    expect(of("checkpointRemoved")).toEqual([
      { type: "checkpointRemoved", invocation: 1, problem: null },
    ]);
  });

  test("is not begun by a leaving executor", async () => {
    executor.setHookProblem(null);
    executor.onMessage({ type: "stop", reason: "the hole closes" });
    await settled();
    remove(1);
    expect(runs.size).toBe(0);
  });
});
