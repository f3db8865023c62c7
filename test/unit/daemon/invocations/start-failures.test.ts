// A failed start is settled: the invocation waits to be tried on another node, and it does not
// count as a run of its function.

import { beforeEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import type { AttemptResult, Store } from "../../../../src/core/ports/store.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import type { EndFacts } from "../../../../src/daemon/invocations/ends/end-facts.js";
import { Settler } from "../../../../src/daemon/invocations/settle.js";
import { StartFailures } from "../../../../src/daemon/invocations/start-failures.js";
import { StoppedFunctions } from "../../../../src/daemon/invocations/stopped-functions.js";
import type { Assignment } from "../../../../src/daemon/state/assignments.js";
import type { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import type { Live } from "../../../../src/daemon/state/live-invocation.js";
import {
  executorId,
  invocationId,
  type NodeName,
  nodeName,
  versionId,
} from "../../../../src/model/ids.js";
import { newState } from "../../../support/daemon/state.js";
import * as made from "../../../support/nouns.js";
import { sampleRates } from "../../../support/store/samples.js";

const names = ["n1", "n2"].map(nodeName);
let live: LiveInvocations;
let settler: Settler;
let starts: StartFailures;
let stopped: StoppedFunctions;
let recorded: AttemptResult[];
let withdrawn: { ids: readonly number[]; state: string; reason: string }[];
let ran: number[];

beforeEach(() => {
  recorded = [];
  withdrawn = [];
  ran = [];
  const state = newState();
  live = state.live;
  state.events.subscribe(["functionRan"], ({ wallMs }) => ran.push(wallMs));
  const log = pino({ level: "silent" });
  const snapshot = made.snapshot({ nodes: names.map((name) => made.node({ name })) });
  const plan = { steps: [], holes: [], unusable: [], madeFromMs: 0 };
  stopped = new StoppedFunctions(
    live,
    {
      endPending: async (ranges, state, reason) => {
        const ids = ranges.map(([first]) => first);
        withdrawn.push({ ids, state, reason });
        return ids.length;
      },
      recordCall: async () => true,
    },
    log,
  );
  starts = new StartFailures(state.registry, live, () => ({ snapshot, plan }), log, stopped);
  const endAttempt = async (result: AttemptResult) => recorded.push(result) > 0;
  settler = new Settler(
    live,
    { endAttempt } as unknown as Store,
    state.events,
    {
      rates: sampleRates,
      maxLostAttempts: 5,
      startFailures: starts,
    },
    log,
  );
});

const add = (): Live =>
  live.add({ invocation: made.invocation(), digest: digestOf(1_000, made.submission()) }, null);

/** Its next attempt, on this node, ends so; returns what was recorded. */
async function ends(each: Live, index: number, facts: Partial<EndFacts>): Promise<AttemptResult> {
  const attempt = each.invocation.attempt + 1;
  live.begin(each, executorId("x"), { attempt, startedAtMs: 0, node: names[index]! });
  const unmeasured = { exitCode: null, signal: null, cpuMs: 0, maxRssMb: 0, reason: "no folder" };
  const { id: invocation } = each.invocation;
  const end = "FAILED" as const;
  await settler.settle({
    invocation,
    attempt,
    end,
    wallMs: 0,
    endedAtMs: 1,
    ...unmeasured,
    ...facts,
  });
  return recorded.at(-1)!;
}

const startFailure = { stage: "chdir", errno: 2 } as const;

test("a failed start is retried on another node, and is final if it fails there likewise", async () => {
  const each = add();
  expect(await ends(each, 0, { startFailure })).toMatchObject({
    end: "FAILED",
    next: "PENDING",
    reason: "no folder (on n1); it will be tried on another node first",
  });
  const [waiting] = [...live.queue.groupsInOrder()].flatMap((group) => [...group]);
  expect(waiting!.isRetried).toBe(true);
  expect(starts.avoidedBy(waiting!)).toEqual(["n1"]);
  expect(await ends(each, 1, { startFailure })).toMatchObject({
    next: "FAILED",
    reason: "no folder (on n2, after a try on n1)",
  });
  expect(recorded.every((result) => !("startFailure" in result))).toBe(true);
  expect(ran).toEqual([]);
});

test("a start that waited for its files is billed, but not used to learn run times", async () => {
  expect((await ends(add(), 0, { wallMs: 30_000 })).next).toBe("FAILED");
  expect(ran).toEqual([]);
});

test("a cancelled invocation that could not be started ends as CANCELLED", async () => {
  const each = add();
  each.endReason = "cancelled by ada";
  expect((await ends(each, 0, { startFailure })).next).toBe("CANCELLED");
});

test("a command that ran and failed is not a failed start, whatever else its report says", async () => {
  const told = { startFailure, wallMs: 5, exitCode: 1 };
  expect((await ends(add(), 0, told)).next).toBe("FAILED");
  expect(ran).toEqual([5]);
});

test("a node that returns thousands of attempts is sick, unless gleanerd gave it a reason", () => {
  const [explained, sick] = names as [NodeName, NodeName];
  const assignment = { follows: false } as Assignment;
  const recordOf = (node: NodeName, hadReason: boolean) =>
    ({ node, hadReasonToReturn: () => hadReason }) as unknown as ExecutorRecord;
  for (let count = 0; count < 2_000; count++) {
    starts.ended(recordOf(explained, true), assignment, { end: "EVICTED" });
    starts.ended(recordOf(explained, false), { ...assignment, follows: true }, { end: "EVICTED" });
    starts.ended(recordOf(sick, false), assignment, { end: "EVICTED" });
  }
  expect(starts.illness(explained)).toBeNull();
  expect(starts.illness(sick)?.detail).toMatch(/sent back all of its recent work/);
});

describe("calls of a function that no worker can load", () => {
  const version = versionId("ab".repeat(32));
  const error = { type: "ImportError", message: "No module named x", stack: null };
  const notLoaded = { wallMs: 20, exitCode: 1, answer: { kind: "notLoaded", error } } as const;
  const called = { owner: { uid: 1_000, user: "ada" }, name: "tile", version };
  const call = (id: number): Live => {
    const invocation = made.invocation({ id: invocationId(id) });
    return live.add(
      { invocation, digest: { ...digestOf(1_000, made.submission()), version } },
      null,
    );
  };
  const why =
    "workers could not load it 3 times in a row, on n1 and n2 (ImportError: No module named x)";

  test("fail at once; the third failure in a row stops it, and ends those that wait", async () => {
    const [first, second, third, waiting] = [1, 2, 3, 4].map(call);
    expect((await ends(first!, 0, notLoaded)).next).toBe("FAILED");
    await ends(second!, 0, notLoaded);
    expect(starts.avoidedBy(third!)).toEqual(["n1"]);
    expect(() => stopped.require(1_000, called)).not.toThrow();
    await ends(third!, 1, notLoaded);
    expect(withdrawn).toEqual([
      { ids: [4], state: "FAILED", reason: `its function is stopped: ${why}` },
    ]);
    expect(waiting!.state).toBe("FAILED");
    expect(() => stopped.require(1_000, called)).toThrow(
      `ada/tile@abababababab is stopped: ${why}: deploy it again`,
    );
    stopped.deployed(version);
    expect(() => stopped.require(1_000, called)).not.toThrow();
    expect(ran).toEqual([]);
  });

  test("of which one ran are counted anew, and another caller's are not refused", async () => {
    for (const id of [1, 2]) await ends(call(id), id - 1, notLoaded);
    await ends(call(3), 0, { wallMs: 20, exitCode: 1 });
    for (const id of [4, 5]) await ends(call(id), id - 4, notLoaded);
    expect(stopped.whyStopped(1_000, version)).toBeNull();
    await ends(call(6), 0, notLoaded);
    expect(stopped.whyStopped(1_000, version)).toBe(why);
    expect(stopped.whyStopped(1_001, version)).toBeNull();
  });

  test("whose interpreter is missing on every node count, once each has been tried", async () => {
    const missing = { startFailure: { stage: "exec", errno: 2 }, exitCode: 2 } as const;
    for (const id of [1, 2, 3]) {
      const each = call(id);
      expect((await ends(each, 0, missing)).next).toBe("PENDING");
      expect((await ends(each, 1, missing)).next).toBe("FAILED");
    }
    expect(stopped.whyStopped(1_000, version)).toMatch(/3 times in a row/);
  });

  test("are not stopped for a sick node that is the only one to try them", async () => {
    const notThere = { startFailure: { stage: "chdir", errno: 2 } } as const;
    for (const id of [1, 2, 3]) {
      const each = call(id);
      for (const next of ["PENDING", "PENDING", "FAILED"])
        expect((await ends(each, 0, notThere)).next).toBe(next);
    }
    expect(stopped.whyStopped(1_000, version)).toBeNull();
  });
});
