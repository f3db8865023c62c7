// An evicted invocation waits with what its attempts showed of its length, so that placement can
// use it.

import { beforeEach, expect, test } from "@jest/globals";
import { pino } from "pino";
import type { Store } from "../../../../src/core/ports/store.js";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { Settler } from "../../../../src/daemon/invocations/settle.js";
import type { LiveInvocations } from "../../../../src/daemon/state/live.js";
import type { Live } from "../../../../src/daemon/state/live-invocation.js";
import { executorId, nodeName } from "../../../../src/model/ids.js";
import type { AttemptEnd } from "../../../../src/model/invocation.js";
import { newState } from "../../../support/daemon/state.js";
import * as made from "../../../support/nouns.js";
import {
  sampleAttempt,
  sampleRates,
  sampleRequest,
  sampleResult,
  submitTo,
} from "../../../support/store/samples.js";
import { storeForEachTest } from "../../../support/store/store.js";

const recorder = { endAttempt: async () => true } as unknown as Store;
let store: Store;
storeForEachTest((opened) => {
  store = opened;
});
let live: LiveInvocations;
let settler: Settler;

beforeEach(() => {
  const state = newState();
  live = state.live;
  const policy = { rates: sampleRates, maxLostAttempts: 5 };
  settler = new Settler(live, recorder, state.events, policy, pino({ level: "silent" }));
});

const add = (checkpoint: boolean): Live =>
  live.add(
    { invocation: made.invocation(), digest: digestOf(1_000, made.submission({ checkpoint })) },
    null,
  );

/**
 * Runs one more attempt, which ends like this after this time; returns the known length in the
 * queue.
 */
async function runs(each: Live, end: AttemptEnd, wallMs: number): Promise<number | undefined> {
  const attempt = each.invocation.attempt + 1;
  live.begin(each, executorId("n1.00000001"), { attempt, startedAtMs: 0, node: nodeName("n1") });
  const unmeasured = { exitCode: null, signal: null, cpuMs: 0, maxRssMb: 0, reason: null };
  const invocation = each.invocation.id;
  await settler.settle({ invocation, attempt, end, wallMs, endedAtMs: wallMs, ...unmeasured });
  return knownOfWaiting()[0];
}

/** Of all that waits: for how long each is known to have run. */
const knownOfWaiting = (): (number | undefined)[] =>
  [...live.queue.groupsInOrder()].flatMap((group) => [...group].map(({ ranMs }) => ranMs));

test("an invocation is expected to take longer than its longest evicted attempt", async () => {
  const each = add(false);
  expect(await runs(each, "EVICTED", 400)).toBe(400);
  expect(await runs(each, "EVICTED", 3_000)).toBe(3_000);
  expect(await runs(each, "EVICTED", 20)).toBe(3_000);
});

test("a lost attempt does not count, because nobody knows how long it ran", async () => {
  expect(await runs(add(false), "LOST", 5_000)).toBe(0);
});

test("an attempt that saves its state does not count, because its rest is unknown", async () => {
  expect(await runs(add(true), "EVICTED", 5_000)).toBe(0);
});

test("a restarted daemon knows the time from its records", async () => {
  const request = sampleRequest("plain");
  const [plain] = await submitTo(store, request);
  const [saves] = await submitTo(store, {
    ...sampleRequest("saves"),
    submission: { ...request.submission, checkpoint: true },
  });
  await submitTo(store, sampleRequest("new"));
  const ends = [
    { end: "EVICTED", wallMs: 400 },
    { end: "EVICTED", wallMs: 3_000 },
    { end: "EVICTED", wallMs: 20 },
    { end: "LOST", wallMs: 9_000 },
  ] as const;
  for (const [at, { end, wallMs }] of ends.entries())
    for (const { id } of [plain!, saves!]) {
      await store.beginAttempt(sampleAttempt(id, at + 1));
      await store.endAttempt(sampleResult(id, at + 1, end, { wallMs }));
    }
  const loaded = await store.loadLive(0, 100);
  expect(loaded.map(({ ranMs }) => ranMs)).toEqual([3_000, 3_000, 0]);
  for (const each of loaded) live.add(each, null);
  // What saves its state goes on from there.
  expect(knownOfWaiting().sort()).toEqual([0, 0, 3_000]);
});
