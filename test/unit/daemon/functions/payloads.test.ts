// Large inputs and results between gleanerd and a node that may be hostile, stop, or be gone.

import { createHash, randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import type { Store } from "../../../../src/core/ports/store.js";
import { Carried } from "../../../../src/daemon/carried/carried.js";
import { Keep } from "../../../../src/daemon/carried/keeping.js";
import { CarriedMemory } from "../../../../src/daemon/carried/memory.js";
import { Blobs } from "../../../../src/daemon/functions/blobs.js";
import { InputSupply } from "../../../../src/daemon/functions/input-supply.js";
import { ResultIntake } from "../../../../src/daemon/functions/result-intake.js";
import type { EndFacts } from "../../../../src/daemon/invocations/ends/end-facts.js";
import type { Assignment } from "../../../../src/daemon/state/assignments.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import { UnrecordedCall, UnrecordedCalls } from "../../../../src/daemon/state/unrecorded.js";
import { maxOrderedBytes, type Payload } from "../../../../src/model/call.js";
import { GleanerError } from "../../../../src/model/errors.js";
import { blobHash, executorId, invocationId, nodeName } from "../../../../src/model/ids.js";
import type { WantedPiece } from "../../../../src/wire/calls.js";
import type { DaemonMessage } from "../../../../src/wire/messages.js";
import { MemoryBlobFiles } from "../../../support/daemon/memory-blobs.js";
import { storeForEachTest } from "../../../support/store/store.js";

const mebibyte = 1024 * 1024;
const ada = 1_000;
const log = pino({ enabled: false });
const [key, other] = [1, 2].map((id) => ({ invocation: invocationId(id), attempt: 1 })) as [
  WantedPiece["key"],
  WantedPiece["key"],
];
const hashOf = (bytes: Uint8Array) => blobHash(createHash("sha256").update(bytes).digest("hex"));

const reserve = {
  requireRoom: async () => {
    throw new GleanerError("LIMIT_REACHED", "results may take the reserve");
  },
};
const policy = { maxMb: 100, maxMbOfUser: 4, keepUnusedMs: 1_000 };

let store: Store;
let files: MemoryBlobFiles;
let blobs: Blobs;
let memory: CarriedMemory;
let unrecorded: UnrecordedCalls;
let record: ExecutorRecord;
let sent: DaemonMessage[];
let distrusted: string[];
/** The node's answer to a message; null: none. */
let node: (message: DaemonMessage) => void;
storeForEachTest((opened) => {
  store = opened;
});
beforeEach(async () => {
  files = new MemoryBlobFiles();
  blobs = new Blobs({ files, store, reserve, policy, log });
  await blobs.load();
  [memory, unrecorded] = [new CarriedMemory(), new UnrecordedCalls()];
  record = new ExecutorRecord(executorId("e"), nodeName("n1"), "n1", 0);
  [sent, distrusted, node] = [[], [], () => {}];
  connect();
});

function connect(): void {
  record.line = {
    send: (message) => {
      sent.push(message);
      setImmediate(() => node(message));
      return true;
    },
    close: () => {},
  };
}

const intake = () =>
  new ResultIntake({
    ...{ blobs, log, live: { unrecorded }, carriedMemory: memory },
    distrust: (_record, what) => void distrusted.push(what),
  });

const factsOf = (result: Uint8Array, bytes = result.length): EndFacts => ({
  ...key,
  end: "COMPLETED",
  ...{ exitCode: 0, signal: null, wallMs: 5, cpuMs: 5, maxRssMb: 1, reason: null, endedAtMs: 9 },
  answer: { kind: "result", payload: { contentType: "", blob: hashOf(result), bytes } },
});

/** A node that answers as it should, but for what `change` does to a piece. */
const sending =
  (result: Uint8Array, change: (piece: Uint8Array) => Uint8Array = (piece) => piece) =>
  (message: DaemonMessage) => {
    if (message.type !== "fetchPiece") return;
    const { offset, wantedBytes } = message;
    const bytes = change(result.slice(offset, offset + wantedBytes));
    record.pieces.arrived({ type: "piece", key: message.key, offset, bytes });
  };

describe("a result", () => {
  test("is on disk, as its user's, before its end is recorded", async () => {
    const result = randomBytes(3 * mebibyte + 1);
    node = sending(result);
    const facts = factsOf(result);
    expect((await intake().take(record, ada, facts)).facts).toBe(facts);
    expect(Buffer.from(files.kept.get(hashOf(result))!).equals(result)).toBe(true);
    expect(await store.loadBlob(ada, hashOf(result))).toMatchObject({ bytes: result.length });
  });

  test("is asked for with at most two pieces ahead", async () => {
    const result = randomBytes(3 * mebibyte);
    let most = 0;
    let open = 0;
    const send = sending(result);
    node = (message) => {
      open--;
      send(message);
    };
    const line = record.line!;
    const count = (message: DaemonMessage) => {
      most = Math.max(most, ++open);
      return line.send(message);
    };
    record.line = { ...line, send: count };
    await intake().take(record, ada, factsOf(result));
    expect(most).toBe(2);
  });

  test("that its user has no room for fails its call with a sentence, and is billed", async () => {
    const result = randomBytes(5 * mebibyte);
    node = sending(result);
    const { facts } = await intake().take(record, ada, factsOf(result));
    expect(facts).toMatchObject({ end: "FAILED", wallMs: 5 });
    expect(facts.answer).toBeUndefined();
    expect(facts.reason).toMatch(/^its result of 5242880 bytes could not be kept: .*maxMbOfUser/);
    expect(sent).toEqual([]);
  });

  test("stays on its node while the disk is full, and is taken once there is room", async () => {
    const result = randomBytes(mebibyte);
    node = sending(result);
    const receive = files.receive.bind(files);
    let tries = 0;
    files.receive = async (content, most) => {
      if (++tries > 1) return receive(content, most);
      await content[Symbol.asyncIterator]().next();
      throw new GleanerError("LIMIT_REACHED", "gleanerd's disk is full");
    };
    const facts = factsOf(result);
    expect((await intake().take(record, ada, facts)).facts).toBe(facts);
    expect([tries, files.kept.size]).toEqual([2, 1]);
  });

  test.each<[string, (piece: Uint8Array) => Uint8Array]>([
    ["another hash", (piece) => piece.fill(1, 0, 9)],
    ["more bytes", (piece) => Buffer.concat([piece, piece])],
    ["fewer bytes", (piece) => piece.subarray(1)],
    ["no bytes", () => new Uint8Array()],
  ])("with %s than announced leaves nothing, and its node is not trusted", async (_, change) => {
    const result = randomBytes(mebibyte);
    node = sending(result, change);
    await expect(intake().take(record, ada, factsOf(result))).rejects.toBeInstanceOf(GleanerError);
    expect(distrusted).toEqual([expect.stringMatching(/^its result is not what it announced/)]);
    expect([files.kept.size, files.unfinished]).toEqual([0, 0]);
    expect(await store.loadBlob(ada, hashOf(result))).toBeNull();
  });

  test("whose connection is lost in the middle is taken anew with the next report", async () => {
    const result = randomBytes(3 * mebibyte);
    const send = sending(result);
    node = (message) => {
      if (message.type === "fetchPiece" && message.offset > mebibyte) record.line = null;
      else send(message);
    };
    await expect(intake().take(record, ada, factsOf(result))).rejects.toThrow(
      /connection was lost/,
    );
    expect(files.unfinished).toBe(0);
    node = send;
    connect();
    const facts = factsOf(result);
    expect((await intake().take(record, ada, facts)).facts).toBe(facts);
    expect(distrusted).toEqual([]);
  });

  test("that its node does not have any more is refused, not waited for", async () => {
    node = () => record.pieces.arrived({ type: "noPiece", key, reason: "there is none" });
    const result = randomBytes(mebibyte);
    await expect(intake().take(record, ada, factsOf(result))).rejects.toThrow(/there is none/);
  });
});

describe("a result that a client waits for", () => {
  const submission = { arrayTasks: null };
  const result = randomBytes(mebibyte);
  beforeEach(() => {
    const call = new UnrecordedCall(key.invocation, { submission } as never);
    unrecorded.add(call);
    node = sending(result);
  });

  test("is in memory, and on disk a moment later", async () => {
    const facts = factsOf(result);
    const taken = await intake().take(record, ada, facts);
    expect(taken.facts).toBe(facts);
    expect(taken.content!.payload).toEqual((facts.answer as { payload: Payload }).payload);
    expect(result.equals(taken.content!.body!)).toBe(true);
    await taken.content!.keep.surely;
    expect(Buffer.from(files.kept.get(hashOf(result))!).equals(result)).toBe(true);
    expect(await store.loadBlob(ada, hashOf(result))).toMatchObject({ bytes: mebibyte });
  });

  test("is on disk first if there is no memory for it", async () => {
    memory = new CarriedMemory(mebibyte);
    expect((await intake().take(record, ada, factsOf(result))).content).toBeNull();
    expect(files.kept.has(hashOf(result))).toBe(true);
  });

  test("leaves its memory free if it is not what its node announced", async () => {
    memory = new CarriedMemory(2 * mebibyte);
    node = sending(result, (piece) => piece.fill(1, 0, 9));
    await expect(intake().take(record, ada, factsOf(result))).rejects.toThrow(/has the hash/);
    expect(distrusted).toHaveLength(1);
    expect(memory.take(ada, mebibyte)).not.toBeNull();
  });

  test("fails its call with a sentence if its user has no room for it", async () => {
    blobs = new Blobs({ files, store, reserve, log, policy: { ...policy, maxMb: 1 } });
    const { facts, content } = await intake().take(record, ada, factsOf(result));
    expect([content, facts.end]).toEqual([null, "FAILED"]);
    expect(memory.take(ada, 32 * mebibyte)).not.toBeNull();
  });
});

describe("an input", () => {
  const content = randomBytes(mebibyte);
  const input = { contentType: "", blob: hashOf(content), bytes: mebibyte };
  const supply = (unrecorded = new UnrecordedCalls(), inputOf: Payload | null = input) =>
    new InputSupply({ blobs, log, live: { unrecorded }, store: { inputOf: async () => inputOf } });
  const held = () => {
    files.kept.set(hashOf(content), content);
    const attempts = new Map([[key.invocation, { ...key } as Assignment]]);
    record.held = { attempts, holders: new Set(attempts.values()) };
  };

  test("goes to the node that has its call, piece by piece", async () => {
    held();
    await supply().supply(record, { key, offset: 7, wantedBytes: 9 });
    expect(sent).toEqual([{ type: "piece", key, offset: 7, bytes: content.subarray(7, 16) }]);
  });

  test("of a call that is not on record goes there, too", async () => {
    held();
    const unrecorded = new UnrecordedCalls();
    unrecorded.add(
      new UnrecordedCall(key.invocation, {
        inputs: [input],
        submission: { arrayTasks: null },
      } as never),
    );
    await supply(unrecorded, null).supply(record, { key, offset: 0, wantedBytes: 1 });
    expect(sent).toMatchObject([{ type: "piece" }]);
  });

  test("too large for its order, which came with its call, goes there before it is on disk", async () => {
    held();
    files.kept.clear();
    const body = Buffer.alloc(maxOrderedBytes + 1, "x");
    const stored = { contentType: "", blob: hashOf(body), bytes: body.length };
    const request = { inputs: [stored], submission: { arrayTasks: null } } as never;
    const carried = new Carried(stored, body, new Keep(() => new Promise(() => {})), () => {});
    const unrecorded = new UnrecordedCalls();
    unrecorded.add(new UnrecordedCall(key.invocation, request, carried));
    await supply(unrecorded, null).supply(record, { key, offset: 7, wantedBytes: 9 });
    expect(sent).toEqual([{ type: "piece", key, offset: 7, bytes: body.subarray(7, 16) }]);
  });

  test.each([
    ["of a call on another node", { key: other, offset: 0, wantedBytes: 1 }],
    ["of an earlier attempt", { key: { ...key, attempt: 2 }, offset: 0, wantedBytes: 1 }],
    ["beyond its end", { key, offset: mebibyte, wantedBytes: 1 }],
  ])("%s is refused", async (_, wanted) => {
    held();
    await supply().supply(record, wanted);
    expect(sent).toMatchObject([{ type: "noPiece", key: wanted.key }]);
  });

  test("that is gone from gleanerd's disk is told so", async () => {
    held();
    files.kept.clear();
    await supply().supply(record, { key, offset: 0, wantedBytes: 1 });
    expect(sent).toMatchObject([{ type: "noPiece", reason: expect.stringMatching(/is missing/) }]);
  });
});
