// Runs whose client is gone: cancelled while they wait, unless the client is back in time.

import { beforeEach, expect, test } from "@jest/globals";
import type { Store } from "../../../../../src/core/ports/store.js";
import { digestOf } from "../../../../../src/core/submission/digest.js";
import { DesertedRuns } from "../../../../../src/daemon/invocations/ends/deserted-runs.js";
import type { LiveInvocations } from "../../../../../src/daemon/state/live.js";
import { executorId, invocationId, nodeName } from "../../../../../src/model/ids.js";
import type { Submission } from "../../../../../src/model/invocation.js";
import { newState } from "../../../../support/daemon/state.js";
import { invocation, submission } from "../../../../support/nouns.js";

const id = invocationId(1);
const client = { hosts: ["127.0.0.1"], port: 1, socket: "", bootId: "" };
const attached: Submission = {
  ...submission(),
  command: { kind: "attached", argv: ["hostname"], client },
};

let live: LiveInvocations;
let found: Submission;
let isAwaited: boolean;
let reads: number;
let storeFails: number;
let troubles: number;
/** Resolves once a run is cancelled, with the reason. */
let cancelled: Promise<string>;
let runs: DesertedRuns;
/** Resolves once it was looked at. */
let looked: Promise<void>;

beforeEach(() => {
  live = newState().live;
  live.add({ invocation: invocation({ id }), digest: digestOf(1_000, attached) }, null);
  [found, isAwaited, reads, storeFails, troubles] = [attached, false, 0, 0, 0];
  let look = () => {};
  let cancel: (reason: string) => void = () => {};
  looked = new Promise((resolve) => {
    look = resolve;
  });
  cancelled = new Promise((resolve) => {
    cancel = resolve;
  });
  const submissionOf: Store["submissionOf"] = async () => {
    if (storeFails-- > 0) throw new Error("the disk is full");
    reads++;
    setImmediate(look);
    return found;
  };
  runs = new DesertedRuns({
    ...{ live, store: { submissionOf }, waiters: { isAwaited: () => isAwaited }, graceMs: 1 },
    end: async (run, reason) => cancel(`${run.id}: ${reason}`),
    onTrouble: () => troubles++,
  });
});

/** Whether it is cancelled by the time at which it was looked at. */
const isCancelled = () => Promise.race([cancelled.then(() => true), looked.then(() => false)]);

test("a run that waits is cancelled, although the store fails at first", async () => {
  storeFails = 1;
  runs.left(id);
  await expect(cancelled).resolves.toMatch(/^1: its glean run is gone/);
  expect(troubles).toBe(1);
});

test("a command that needs no client waits on", async () => {
  found = submission();
  runs.left(id);
  expect(await isCancelled()).toBe(false);
});

test("a run goes on waiting if its client is back", async () => {
  isAwaited = true;
  runs.left(id);
  isAwaited = false;
  runs.left(id);
  isAwaited = true;
  expect(await isCancelled()).toBe(false);
  expect(reads).toBe(1);
});

test("a run that has begun is left to its node", async () => {
  const start = { attempt: 1, startedAtMs: 1, node: nodeName("n1") };
  live.begin(live.get(id)!, executorId("e1"), start);
  runs.left(id);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(reads).toBe(0);
});
