// Calls that are put on record when somebody reads about them: a content that cannot be written
// holds up its own call, and nobody else.

import { beforeEach, expect, test } from "@jest/globals";
import type { Store } from "../../../../src/core/ports/store.js";
import { Carried } from "../../../../src/daemon/carried/carried.js";
import { Keep, UnkeptError } from "../../../../src/daemon/carried/keeping.js";
import { record, recordingFirst } from "../../../../src/daemon/invocations/call-records.js";
import { UnrecordedCall, UnrecordedCalls } from "../../../../src/daemon/state/unrecorded.js";
import { blobHash, invocationId } from "../../../../src/model/ids.js";

const uid = 1_097;
const stored = { contentType: "a/b", blob: blobHash("0".repeat(64)), bytes: 100_000 };
const request = {
  ...{ owner: { uid }, requestId: "one", inputs: [stored] },
  submission: { arrayTasks: null },
} as never;

let calls: UnrecordedCalls;
let call: UnrecordedCall;
let written: () => void;
let failed: (cause: unknown) => void;
let recorded: string[];
const store = {
  recordCall: async ({ id }: { id: number }) => {
    recorded.push(`call ${id}`);
    return true;
  },
  bill: async () => [],
  listInvocations: async () => [],
} as unknown as Store;

beforeEach(() => {
  recorded = [];
  calls = new UnrecordedCalls();
  const keep = new Keep((tell) => {
    failed = tell;
    return new Promise((resolve) => {
      written = resolve;
    });
  });
  const input = new Carried(stored, Buffer.alloc(stored.bytes), keep, () => {});
  call = new UnrecordedCall(invocationId(7), request, input);
  calls.add(call);
});

test("a reader waits until the content is on disk", async () => {
  const listed = recordingFirst(store, calls).listInvocations({ uid, limit: 1 });
  expect(recorded).toEqual([]);
  written();
  await listed;
  expect([recorded, calls.size]).toEqual([["call 7"], 0]);
});

test("readers do without a call whose content cannot be written", async () => {
  const reader = recordingFirst(store, calls);
  call.ends.set(call.id, { invocation: {} as never, answer: null, content: null });
  const waiting = [reader.listInvocations({ uid, limit: 1 }), reader.bill({})];
  const acknowledged = record(store, calls, call);
  failed(new Error("no space left"));
  await expect(acknowledged).rejects.toBeInstanceOf(UnkeptError);
  await expect(acknowledged).rejects.toThrow(/cannot write a content to its disk: no space left/);
  expect(await Promise.all(waiting)).toEqual([[], []]);
  expect(await reader.listInvocations({ limit: 1 })).toEqual([]);
  const named = reader.listInvocations({ ids: [call.id], limit: 1 });
  await expect(named).rejects.toBeInstanceOf(UnkeptError);
  expect([recorded, calls.size]).toEqual([[], 1]);
  written();
  await record(store, calls, call);
  expect(recorded).toEqual(["call 7"]);
});

test("an order has the input itself only for a node that reads what it is sent", () => {
  expect(call.documents(true).input).toMatchObject({ body: Buffer.alloc(stored.bytes) });
  expect(call.documents(false).input).toEqual(stored);
});

test("an error of the store is the reader's, too", async () => {
  const refusing = { ...store, recordCall: () => Promise.reject(new Error("the store failed")) };
  written();
  await expect(recordingFirst(refusing, calls).listInvocations({ uid, limit: 1 })).rejects.toThrow(
    "the store failed",
  );
});
