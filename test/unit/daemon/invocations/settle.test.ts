// An end that the store refuses is recorded later, unless the attempt is over by then. What leases
// and interrupted calls pay.

import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import { type Time, useTime } from "../../../../src/clock.js";
import type { AttemptResult, Store } from "../../../../src/core/ports/store.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { lostFacts } from "../../../../src/daemon/invocations/ends/end-facts.js";
import { Settler } from "../../../../src/daemon/invocations/settle.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import type { Live } from "../../../../src/daemon/state/live-invocation.js";
import { executorId, invocationId, nodeName } from "../../../../src/model/ids.js";
import { newState } from "../../../support/daemon/state.js";
import { invocation, submission } from "../../../support/nouns.js";
import { sampleRates } from "../../../support/store/samples.js";

let live: LiveInvocations;
let each: Live;
let settler: Settler;
let isFull: boolean;
let recorded: AttemptResult[];
/** Ends the pause after a refusal. */
let goOn: () => void;
let goBack: () => void;

beforeEach(() => {
  const state = newState();
  live = state.live;
  recorded = [];
  isFull = true;
  const endAttempt = async (result: AttemptResult) => {
    if (isFull) throw new Error("the disk is full");
    return recorded.push(result) > 0;
  };
  const policy = { rates: sampleRates, maxLostAttempts: 5 };
  const log = pino({ level: "silent" });
  settler = new Settler(live, { endAttempt } as unknown as Store, state.events, policy, log);
  each = live.add({ invocation: invocation(), digest: digestOf(1_000, submission()) }, null);
  const setTimeout = (callback: () => void) => {
    goOn = callback;
    return { unref: () => {} };
  };
  goBack = useTime({ nowMs: () => 1_000, setTimeout } as unknown as Time);
});
afterEach(() => goBack());

function begin(): void {
  const attempt = each.invocation.attempt + 1;
  live.begin(each, executorId("x1"), { attempt, startedAtMs: 0, node: nodeName("n1") });
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("until the disk has room the invocation counts as running, and then its end is durable", async () => {
  begin();
  const settled = settler.settleSurely(
    lostFacts({ invocation: each.invocation.id, attempt: 1 }, "x"),
  );
  await turn();
  expect(each.invocation.state).toBe("RUNNING");
  isFull = false;
  goOn();
  await settled;
  expect(recorded).toHaveLength(1);
  expect(each.invocation.state).toBe("PENDING");
});

test("the end of an attempt that was never recorded does not end the next one of its number", async () => {
  begin();
  const settled = settler.settleSurely(
    lostFacts({ invocation: each.invocation.id, attempt: 1 }, "x"),
  );
  await turn();
  // The dispatcher could not record its beginning either, and tries again.
  live.requeue(each, "the store refused the attempt", 0);
  begin();
  isFull = false;
  goOn();
  await settled;
  expect(recorded).toEqual([]);
  expect(each.invocation).toMatchObject({ state: "RUNNING", attempt: 1 });
});

test("an evicted lease is billed, and its worker's word on spinning is bounded", async () => {
  isFull = false;
  const lease = { hotMs: 5, ttlMs: 1_000, idleMs: 1_000, callLimitMs: 1_000 };
  const digest = { ...digestOf(1_000, submission()), lease };
  each = live.add({ invocation: invocation({ id: invocationId(99) }), digest }, null);
  begin();
  const evicted = lostFacts({ invocation: each.invocation.id, attempt: 1 }, "a job", "EVICTED");
  const said = { calls: 1, busyMs: 0, spinMs: 9_999.5 };
  await settler.settle({ ...evicted, wallMs: 100, cpuMs: 60, lease: said });
  const kinds = recorded[0]!.postings.map(({ kind, coreMs }) => [kind, coreMs]);
  const { cores } = each.invocation;
  expect(kinds).toEqual([
    ["execution", 0],
    ["held", cores * 100 - 60],
    ["hot", 60],
  ]);
  expect(recorded[0]).toMatchObject({ hotMs: 60, spinMs: 60, next: "PENDING" });
  expect(recorded[0]).not.toHaveProperty("lease");
});

const interrupted = () => ({
  ...lostFacts(
    { invocation: each.invocation.id, attempt: each.attempt },
    "call 7 ended it",
    "FAILED",
  ),
  ...{ isInterrupted: true, wallMs: 100, cpuMs: 60 },
});

test("a call whose user's own code ends its worker is billed each time, and fails the fifth time", async () => {
  isFull = false;
  for (let at = 1; at <= 5; at++) {
    begin();
    await settler.settle(interrupted());
  }
  const { cores } = each.invocation;
  expect(
    recorded.map(({ next, postings }) => [next, postings.map(({ coreMs }) => coreMs)]),
  ).toEqual([1, 2, 3, 4, 5].map((at) => [at < 5 ? "PENDING" : "FAILED", [cores * 100]]));
  expect(recorded.map(({ reason }) => reason)).toEqual([
    ...Array.from({ length: 4 }, () => "call 7 ended it"),
    expect.stringMatching(
      /^the function's own code ended its worker in each of 5 attempts: .*call 7/,
    ),
  ]);
  expect(recorded[0]).not.toHaveProperty("isInterrupted");
});

test("a cancelled call whose worker is ended by its user's code does not run again", async () => {
  isFull = false;
  begin();
  each.endReason = "cancelled by ada";
  await settler.settle(interrupted());
  expect(recorded[0]).toMatchObject({ next: "CANCELLED", reason: "cancelled by ada" });
});
