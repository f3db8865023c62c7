// A call that fails after it has written a posting, and after the ends before it were written.

import { expect, test } from "@jest/globals";
import type { Store } from "../../../../../src/core/ports/store.js";
import { invocationId } from "../../../../../src/model/ids.js";
import { sampleAttempt, sampleRequest, sampleResult } from "../../../../support/store/samples.js";
import { storeForEachTest } from "../../../../support/store/store.js";

let store: Store;
storeForEachTest((opened) => {
  store = opened;
});

test("a call that fails late takes neither the chain's head nor the ends before it along", async () => {
  const request = sampleRequest("map");
  const settings = { runtime: "node", environment: {} } as never;
  const command = {
    kind: "call",
    function: "ada/f",
    version: "5e".repeat(32),
    bundleBytes: 1,
    settings,
  };
  const arrayTasks = [{ from: 0, to: 2, step: 1 }];
  const submission = { ...request.submission, command: command as never, arrayTasks };
  const inputs = [0, 1, 2].map(() => ({ contentType: "", body: new Uint8Array() }));
  const map = (await store.submit({ ...request, submission, inputs })).id;
  const { invocation: _, ...attempt } = sampleAttempt(map);
  await store.beginTasks(
    attempt,
    [0, 1, 2].map((at) => invocationId(map + at)),
  );
  const id = await store.reserveIds(1);
  const broken = {
    id,
    request: sampleRequest("call"),
    attempts: [
      { attempt: sampleAttempt(id), result: sampleResult(id) },
      { attempt: sampleAttempt(id, 3), result: null },
    ],
  };
  const outcomes = await Promise.allSettled([
    store.endAttempt(sampleResult(map)),
    store.recordCall(broken),
    store.endAttempt(sampleResult(invocationId(map + 1))),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(await store.listMapEnds(map, 0, 10)).toEqual([
    { number: 1, firstId: map, lastId: map + 1 },
  ]);
  expect(await store.verifyLedger()).toMatchObject({
    balanced: true,
    postings: 2,
    differences: [],
  });
});
