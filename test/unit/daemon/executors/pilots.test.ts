// Pilots of executors that the daemon knows: what it reads of their jobs, when it submits one, and
// when it cancels one.

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { type Time, useTime } from "../../../../src/clock.js";
import { executorMemoryMb, pilotName } from "../../../../src/core/capacity/pilots.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { Pilots, type PilotsDependencies } from "../../../../src/daemon/executors/pilots.js";
import type { Events } from "../../../../src/daemon/state/events.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import type { Registry } from "../../../../src/daemon/state/registry.js";
import type { Hole } from "../../../../src/model/capacity/hole.js";
import { executorId, invocationId, jobId, nodeName } from "../../../../src/model/ids.js";
import type { ResourceRequest } from "../../../../src/model/resources.js";
import type { Job } from "../../../../src/model/slurm/job.js";
import type { Partition } from "../../../../src/model/slurm/snapshot.js";
import { give, newState } from "../../../support/daemon/state.js";
import { facts, invocation, job, node, snapshot, submission } from "../../../support/nouns.js";

const mark = { user: "ann", partition: "gleaner", instance: "0123abcd" };
const id = executorId("n1.12ab34cd");
const [n1, n2] = [nodeName("n1"), nodeName("n2")];
const line = { send: () => true, close: () => {} };
const config = { timeLimitMs: 600_000, maxPending: 2 };

let nowMs: number;
let goBack: () => void;
let events: Events;
let registry: Registry;
let live: LiveInvocations;
let said: string[];
let expectedMs: number;
let avoided: string[];
let allowed: ReadonlySet<string> | undefined;
let pilots: Pilots;
let launched: { budget: object; timeLimitMs: number }[];
let commands: number;

beforeEach(() => {
  [nowMs, expectedMs, commands] = [1_000_000, 5_000, 0];
  [said, avoided, launched] = [[], [], []];
  allowed = undefined;
  goBack = useTime({ nowMs: () => nowMs, monotonicMs: () => nowMs } as Time);
  ({ events, live, registry } = newState());
  events.subscribe(["pilotWanted"], () => said.push("wake"));
  events.subscribe(["executorFailed"], ({ detail }) => said.push(`failed: ${detail}`));
  pilots = new Pilots({
    config,
    memoryMarginMb: 500,
    mark,
    registry,
    live,
    learning: { expectedMs: () => expectedMs, vacateMs: 200 },
    startFailures: { avoidedBy: () => avoided },
    allowedNodes: { of: () => allowed },
    launcher: {
      withdraw: async (executor: string) => void said.push(`withdraw ${executor}`),
      commandCount: () => commands,
    },
    launching: {
      start: ({ name }: { name: typeof n1 }, _order: object, _facts: object, size: never) => {
        launched.push(size);
        if (registry.onNode(name) === undefined) add("requested", name);
      },
    },
    gone: async (_record: object, reason: string, end: string) =>
      void said.push(`${end}: ${reason}`),
    events,
    log: pino({ enabled: false }),
  } as unknown as PilotsDependencies);
});
afterEach(() => goBack());

function add(state: "requested" | "starting" | "ready" | "draining", on = n1): ExecutorRecord {
  const name = on === n1 ? id : executorId(`${on}.12ab34cd`);
  const record = new ExecutorRecord(name, on, "", nowMs, "pilot");
  const states = ["requested", "starting", "ready", "draining"] as const;
  for (const next of states.slice(1, states.indexOf(state) + 1)) record.become(next);
  if (state !== "requested") record.line = line;
  registry.add(record);
  return record;
}

/** Adds work that waits for these resources. */
function waits(cores = 1, number = 1, more: Partial<ResourceRequest> = {}): void {
  const made = invocation({ id: invocationId(number), cores, ...more });
  live.add({ invocation: made, digest: digestOf(1_000, submission({ cores })) }, null);
}

const read = (change: Partial<Job>, partitions: readonly Partition[] = []) =>
  pilots.look(
    snapshot({
      partitions,
      jobsAskedAtMs: 900_000,
      jobs: [
        job({
          id: jobId(7),
          name: pilotName(mark.instance, id, 12_000),
          user: mark.user,
          partition: mark.partition,
          nodes: [n1],
          cores: 10,
          ...change,
        }),
      ],
    }),
  );

describe("a read of Slurm", () => {
  test("shows whether Slurm would preempt pilots, and omits them from the batch jobs", () => {
    expect(pilots.problem).toMatch(/not read Slurm yet/);
    waits();
    add("requested");
    expect(read({ state: "PENDING" }).jobs).toEqual([]);
    expect(pilots.problem).toMatch(/no partition gleaner/);
  });

  test("shows why a pending pilot waits, and that it ends no earlier than its time limit from now", () => {
    waits();
    const record = add("requested");
    read({ state: "PENDING", reason: "Resources", timeLimitMs: 60_000 });
    expect(record).toMatchObject({ waitReason: "Resources", timeIsOverAtMs: 960_000 });
    read({ state: "PENDING", reason: "Priority", timeLimitMs: null });
    expect(record).toMatchObject({ waitReason: "Priority", timeIsOverAtMs: 960_000 });
    expect(said).toEqual([]);
  });

  test("withdraws a pending pilot that no work waits for", () => {
    add("requested");
    read({ state: "PENDING" });
    expect(said).toEqual([`withdraw ${id}`, "LOST: no work waits for it any more"]);
  });

  test("shows a running pilot's resources, less the executor's own memory, and its end", () => {
    const record = add("ready");
    record.claimed = { cores: 99, memoryMb: 99_000, gpus: [] };
    read({ state: "RUNNING", endAtMs: 2_000_000 });
    expect(record.budget).toEqual({ cores: 10, memoryMb: 12_000 - executorMemoryMb, gpus: [] });
    expect(record.timeIsOverAtMs).toBe(2_000_000);
    read({ state: "COMPLETING", endAtMs: 1 });
    expect(record.timeIsOverAtMs).toBe(2_000_000);
    expect(said).toEqual([]);
  });

  test.each(["SUSPENDED", "STOPPED"] as const)(
    "cancels a pilot that is %s, and gives it no more work",
    (state) => {
      const record = add("ready");
      read({ state });
      expect(said).toEqual([`withdraw ${id}`]);
      expect(record.state).toBe("draining");
    },
  );

  test("ignores the end of a pilot whose executor is connected and reports it itself", () => {
    add("ready");
    read({ state: "PREEMPTED" });
    expect(said).toEqual([]);
  });

  test.each<[string, Job["state"], string, RegExp]>([
    ["preempted", "PREEMPTED", "EVICTED", /ended PREEMPTED$/],
    ["failed", "FAILED", "LOST", /ended FAILED$/],
  ])("records the end of a pilot that was %s before it worked", (_what, state, end, reason) => {
    add("requested");
    read({ state });
    const failures = said.filter((each) => each.startsWith("failed"));
    expect(failures).toHaveLength(state === "PREEMPTED" ? 0 : 1);
    expect(said.at(-1)).toMatch(new RegExp(`^${end}: .*job 7, `));
    expect(said.at(-1)).toMatch(reason);
  });

  test("does not count a failure after work, or with attempts, as a failed start", () => {
    add("ready").line = null;
    read({ state: "FAILED" });
    expect(said).toEqual([expect.stringMatching(/^LOST/)]);
    registry.remove(registry.onNode(n1)!);
    give(live.assignments, add("requested").id);
    read({ state: "FAILED" });
    expect(said).toEqual([expect.stringMatching(/^LOST/), expect.stringMatching(/^LOST/)]);
  });
});

describe("a step of a plan", () => {
  const [resize, stop] = [{ kind: "resize" } as const, { kind: "stop" } as const].map((step) => ({
    ...step,
    reason: "the hole closes",
  }));

  test("keeps the size of a pilot, but not that of a direct executor", () => {
    expect(pilots.takeBack(add("ready"), resize!)).toBe(true);
    const direct = new ExecutorRecord(executorId("x"), n2, "", 0);
    expect(pilots.takeBack(direct, resize!)).toBe(false);
    expect(pilots.takeBack(direct, stop!)).toBe(false);
    expect(said).toEqual([]);
  });

  test("cancels a pilot that only waits in Slurm's queue, for the plan's reason", () => {
    expect(pilots.takeBack(add("requested"), stop!)).toBe(true);
    expect(said).toEqual([`withdraw ${id}`, "LOST: the hole closes"]);
  });

  test("has to be sent to a pilot that has started, is connected or has attempts", () => {
    const record = add("requested");
    record.line = line;
    expect(pilots.takeBack(record, stop!)).toBe(false);
    record.line = null;
    const assignment = give(live.assignments, record.id);
    expect(pilots.takeBack(record, stop!)).toBe(false);
    live.assignments.return(assignment);
    record.become("starting");
    expect(pilots.takeBack(record, stop!)).toBe(false);
    expect(said).toEqual([]);
  });
});

const noEnd = { endsAtMs: null, confidence: 0, source: "none" } as const;
const holeOn = (on = n1, change: Partial<Hole> = {}): Hole => ({
  node: on,
  kind: "wholeNode",
  free: { cores: 8, memoryMb: 8_000, gpus: [] },
  sinceMs: 0,
  predictedEndAtMs: null,
  end: noEnd,
  ...change,
});
const nodes = [node({ name: n1 }), node({ name: n2 })];
const seen = (partitions: Partition[] = []) =>
  snapshot({ nodes, partitions, facts: { ...facts, maxMemoryPerCoreMb: null } });

describe("a hole", () => {
  test("gets a pilot when work waits that would run there", () => {
    pilots.start(holeOn(), seen());
    expect(launched).toEqual([]);
    waits();
    pilots.start(holeOn(), seen());
    const budget = { cores: 8, memoryMb: 8_000, gpus: [] };
    expect(launched).toEqual([{ budget, timeLimitMs: 600_000 }]);
    const record = registry.onNode(n1)!;
    expect(record).toMatchObject({ claimed: budget, timeIsOverAtMs: nowMs + 600_000 });
  });

  test("gets none for work that another coming pilot has room for", () => {
    waits();
    pilots.start(holeOn(n2), seen());
    registry.onNode(n2)!.order(registry.onNode(n2)!.claimed);
    pilots.start(holeOn(n1), seen());
    expect(launched).toHaveLength(1);
    waits(8, 2);
    pilots.start(holeOn(n1), seen());
    expect(launched).toHaveLength(2);
  });

  test("gets none if the maximum number of pilots is coming", () => {
    waits(8, 1);
    waits(8, 2);
    waits(8, 3);
    add("requested", nodeName("n8"));
    add("starting", nodeName("n9"));
    pilots.start(holeOn(), seen());
    expect(launched).toEqual([]);
  });

  test("gets none for work that avoids its node, may not have it, needs longer or is larger", () => {
    waits(9);
    pilots.start(holeOn(), seen());
    waits(1, 2);
    avoided = ["n1"];
    pilots.start(holeOn(), seen());
    avoided = [];
    allowed = new Set(["n7"]);
    pilots.start(holeOn(), seen());
    allowed = new Set(["n1"]);
    expectedMs = 450_001;
    pilots.start(holeOn(), seen());
    expect(launched).toEqual([]);
    expectedMs = 450_000;
    pilots.start(holeOn(), seen());
    expect(launched).toHaveLength(1);
  });

  test.each([
    ["the hole's", { predictedEndAtMs: 1_000_000 + 190_000 }, [], 180_000],
    ["the partition's", {}, [{ name: "gleaner", maxTimeMs: 120_000 }], 120_000],
    ["another partition's is no", {}, [{ name: "batch", maxTimeMs: 120_000 }], 600_000],
  ])("limits a pilot to whole minutes before %s end", (_whose, change, partitions, timeLimitMs) => {
    waits();
    pilots.start(holeOn(n1, change), seen(partitions as unknown as Partition[]));
    expect(launched).toMatchObject([{ timeLimitMs }]);
  });

  test("gets none if it has no memory or is open for less than a minute", () => {
    waits();
    expectedMs = 0;
    pilots.start(holeOn(n1, { predictedEndAtMs: nowMs + 59_999 }), seen());
    pilots.start(holeOn(n1, { free: { cores: 8, memoryMb: 0, gpus: [] } }), seen());
    expect(launched).toEqual([]);
  });

  test("determines the longest work in pilots, ever and now in the longest hole", () => {
    const holes = [holeOn(n1, { predictedEndAtMs: nowMs + 120_000 }), holeOn(n2)];
    expect(pilots.timeFor(holes, seen())).toEqual({ longestMs: 450_000, nowLongestMs: 450_000 });
    expect(pilots.timeFor(holes.slice(0, 1), seen())).toMatchObject({ nowLongestMs: 90_000 });
    expect(pilots.timeFor([], seen())).toMatchObject({ nowLongestMs: 0 });
    const short = [{ name: "gleaner", maxTimeMs: 240_000 }] as unknown as Partition[];
    expect(pilots.timeFor(holes, seen(short))).toEqual({
      longestMs: 180_000,
      nowLongestMs: 180_000,
    });
  });
});

describe("work that waits", () => {
  test("causes a read of Slurm, at most once a second, if it fits an open hole", () => {
    waits(8);
    events.publish({ type: "workLeftWaiting" });
    expect(said).toEqual([]);
    pilots.planMade(
      [holeOn(n1, { free: { cores: 2, memoryMb: 8_000, gpus: [] } }), holeOn(n2)],
      seen(),
    );
    events.publish({ type: "workLeftWaiting" });
    expect(said).toEqual(["wake"]);
    nowMs += 999;
    events.publish({ type: "workLeftWaiting" });
    expect(said).toEqual(["wake"]);
    nowMs += 1;
    events.publish({ type: "workLeftWaiting" });
    expect(said).toEqual(["wake", "wake"]);
  });

  test("causes no read if every hole has an executor or none is large enough", () => {
    waits(8);
    add("ready", n2);
    pilots.planMade(
      [holeOn(n1, { free: { cores: 2, memoryMb: 8_000, gpus: [] } }), holeOn(n2)],
      seen(),
    );
    events.publish({ type: "workLeftWaiting" });
    nowMs += 1_000;
    pilots.planMade([], seen());
    events.publish({ type: "workLeftWaiting" });
    expect(said).toEqual([]);
  });

  test.each<[string, Partial<ResourceRequest>, number, string[]]>([
    ["needs a GPU", { gpus: 1 }, 5_000, []],
    ["needs more memory than the pilot's cores may have", { memoryMb: 7_900 }, 5_000, []],
    ["takes longer than the hole lasts", {}, 90_001, []],
    ["avoids the node", {}, 5_000, ["n1"]],
  ])("causes no read if it %s", (_what, needs, takesMs, avoids) => {
    const perCore = { ...facts, maxMemoryPerCoreMb: 1_000 };
    const free = { cores: 8, memoryMb: 8_000, gpus: [0] };
    waits(1, 1, needs);
    [expectedMs, avoided] = [takesMs, avoids];
    pilots.planMade([holeOn(n1, { free, predictedEndAtMs: nowMs + 120_000 })], {
      ...seen(),
      facts: perCore,
    });
    events.publish({ type: "workLeftWaiting" });
    expect(said).toEqual([]);
    [expectedMs, avoided] = [5_000, []];
    nowMs += 1_000;
    waits(1, 2);
    events.publish({ type: "workLeftWaiting" });
    expect(said).toEqual(["wake"]);
  });
});

test("the commands for pilots are counted since the last call", () => {
  commands = 3;
  expect(pilots.newCommands()).toBe(3);
  commands = 5;
  expect([pilots.newCommands(), pilots.newCommands()]).toEqual([2, 0]);
});
