// A failed start is settled: the invocation waits to be tried on another node, and it does not
// count as a run of its function.

import { beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import type { AttemptResult, Store } from "../../../../src/core/ports/store.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { type EndFacts, Settler } from "../../../../src/daemon/invocations/settle.js";
import { StartFailures } from "../../../../src/daemon/invocations/start-failures.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import type { Live } from "../../../../src/daemon/state/live-invocation.js";
import { executorId, nodeName } from "../../../../src/model/ids.js";
import { newState } from "../../../support/daemon/state.js";
import * as made from "../../../support/nouns.js";

const names = ["n1", "n2"].map(nodeName);
let live: LiveInvocations;
let settler: Settler;
let starts: StartFailures;
let recorded: AttemptResult[];
let ran: number[];

beforeEach(() => {
  recorded = [];
  ran = [];
  const state = newState();
  live = state.live;
  state.events.subscribe(["functionRan"], ({ wallMs }) => ran.push(wallMs));
  const log = pino({ level: "silent" });
  const snapshot = made.snapshot({ nodes: names.map((name) => made.node({ name })) });
  const plan = { steps: [], holes: [], unusable: [], madeFromMs: 0 };
  starts = new StartFailures(state.registry, live, () => ({ snapshot, plan }), log);
  const endAttempt = async (result: AttemptResult) => recorded.push(result) > 0;
  settler = new Settler(
    live,
    { endAttempt } as unknown as Store,
    state.events,
    {
      rate: { microCreditsPerCoreSecond: 1, microCreditsPerGbSecond: 1 },
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
  each.cancelRequested = true;
  expect((await ends(each, 0, { startFailure })).next).toBe("CANCELLED");
});

test("a command that ran and failed is not a failed start, whatever else its report says", async () => {
  const told = { startFailure, wallMs: 5, exitCode: 1 };
  expect((await ends(add(), 0, told)).next).toBe("FAILED");
  expect(ran).toEqual([5]);
});
