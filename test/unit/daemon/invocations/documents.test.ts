// Scripts and environments on their way: read once for all tasks of an array, few large ones at a
// time, with small ones passing them.

import { expect, test } from "@jest/globals";
import type { Store } from "../../../../src/core/ports/store.js";
import { Documents } from "../../../../src/daemon/invocations/documents.js";
import { Live, LiveSubmission } from "../../../../src/daemon/state/live-invocation.js";
import { type InvocationId, invocationId } from "../../../../src/model/ids.js";
import { noPacked } from "../../../support/daemon/state.js";
import * as made from "../../../support/nouns.js";

const mebibyte = 1024 * 1024;
const live = (id: number, documentBytes: number, arrayJobId: InvocationId | null = null): Live => {
  const invocation = made.invocation({ id: invocationId(id), arrayJobId });
  const digest = {
    functionKey: "f",
    checkpointIn: null,
    documentBytes,
    inputBytes: 0,
    version: null,
    packedInputs: null,
  };
  return new Live(invocation.id, null, invocation, new LiveSubmission(invocation, digest));
};

function documents() {
  const read: number[] = [];
  const store = {
    submissionToRun: async (id: InvocationId) => {
      read.push(id);
      return made.submission({ name: `submission ${id}` });
    },
  } as unknown as Store;
  return { read, documents: new Documents(store, noPacked) };
}

test("the tasks of an array share one read, and later ones need none", async () => {
  const { read, documents: of } = documents();
  const names = await Promise.all(
    [7, 8, 9].map((id) => of.with(live(id, 100, invocationId(7)), async ({ name }) => name)),
  );
  await of.with(live(10, 100, invocationId(7)), async () => {});
  expect(names).toEqual(Array(3).fill("submission 7"));
  expect(read).toEqual([7]);
});

test("large documents wait until earlier ones were taken, small ones do not wait", async () => {
  const { read, documents: of } = documents();
  const finish: (() => void)[] = [];
  const take = () => new Promise<void>((resolve) => finish.push(resolve));
  const large = [1, 2, 3, 4, 5].map((id) => of.with(live(id, 3 * mebibyte), take));
  await of.with(live(6, 1_000), async () => {});
  expect(read.sort()).toEqual([1, 2, 3, 4, 6]);
  finish[0]!();
  await large[0];
  while (read.length < 6) await new Promise((resolve) => setImmediate(resolve));
  expect(read.at(-1)).toBe(5);
  while (finish.length < 5) await new Promise((resolve) => setImmediate(resolve));
  for (const each of finish) each();
  await Promise.all(large);
});

test("the last few megabytes of documents stay in memory", async () => {
  const { read, documents: of } = documents();
  for (const id of [1, 2, 3]) await of.with(live(id, 7 * mebibyte), async () => {});
  await of.with(live(3, 7 * mebibyte), async () => {});
  await of.with(live(1, 7 * mebibyte), async () => {});
  expect(read).toEqual([1, 2, 3, 1]);
});
