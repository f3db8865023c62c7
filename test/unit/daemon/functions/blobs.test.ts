// Contents of users: counted, verified, never without a file, and removed once nothing needs them.

import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { type Time, useTime } from "../../../../src/clock.js";
import type { Store } from "../../../../src/core/ports/store.js";
import { Blobs, DifferentContentError } from "../../../../src/daemon/functions/blobs.js";
import { GleanerError } from "../../../../src/model/errors.js";
import { blobHash } from "../../../../src/model/ids.js";
import { MemoryBlobFiles } from "../../../support/daemon/memory-blobs.js";
import { storeForEachTest } from "../../../support/store/store.js";

const mebibyte = 1024 * 1024;
const policy = { maxMb: 8, maxMbOfUser: 3, keepUnusedMs: 1_000 };
const [ada, bob] = [1_000, 1_001];
const log = pino({ enabled: false });

let store: Store;
let files: MemoryBlobFiles;
let blobs: Blobs;
let freeBytes: number;
let atMs: number;
let restore: () => void;
storeForEachTest((opened) => {
  store = opened;
});
beforeEach(async () => {
  atMs = 10_000;
  restore = useTime({ nowMs: () => atMs } as Time);
  freeBytes = Number.POSITIVE_INFINITY;
  files = new MemoryBlobFiles();
  blobs = await newDaemon();
});
afterEach(() => restore());

async function newDaemon(over: Partial<Store> = {}): Promise<Blobs> {
  const reserve = {
    requireRoom: async (bytes: number) => {
      if (bytes > freeBytes) throw new GleanerError("LIMIT_REACHED", "the disk is full");
    },
  };
  const made = new Blobs({ files, store: { ...store, ...over }, reserve, policy, log });
  await made.load();
  return made;
}

const announced = (text: string | Buffer) => ({
  sha256: blobHash(createHash("sha256").update(text).digest("hex")),
  bytes: Buffer.byteLength(text),
});
const sized = (mb: number, fill: string) => Buffer.alloc(mb * mebibyte, fill);

async function* chunks(...texts: (string | Buffer)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

const write = (uid: number, text: string | Buffer, to = blobs) =>
  to.write(uid, announced(text), chunks(text));
const keptTexts = () => [...files.kept.values()].map((each) => Buffer.from(each).toString());

describe("a content", () => {
  test("is its sender's once it is kept, and nobody else's who only knows its hash", async () => {
    const { sha256 } = announced("abc");
    expect(await write(ada, "abc")).toBe(true);
    expect(await write(ada, "abc")).toBe(false);
    expect(await blobs.openOwn(bob, sha256)).toBeNull();
    expect((await blobs.openOwn(ada, sha256))!.bytes).toBe(3);
    expect(await write(bob, "abc")).toBe(true);
    expect(await blobs.openOwn(bob, sha256)).not.toBeNull();
  });

  test("that is announced by somebody who cannot send it is not theirs", async () => {
    await write(ada, "abc");
    const { sha256 } = announced("abc");
    await expect(blobs.write(bob, announced("abc"), chunks("xyz"))).rejects.toMatchObject({
      code: "BAD_REQUEST",
      message: expect.stringMatching(/^the content that arrived has the hash .*: it changed while/),
    });
    await expect(blobs.write(bob, { sha256, bytes: 3 }, chunks("ab"))).rejects.toThrow(/the hash/);
    expect(await blobs.openOwn(bob, sha256)).toBeNull();
    expect([keptTexts(), files.unfinished]).toEqual([["abc"], 0]);
  });

  test("that is missing on disk says how to get it back", async () => {
    await write(ada, "abc");
    files.kept.clear();
    await expect(blobs.openOwn(ada, announced("abc").sha256)).rejects.toMatchObject({
      code: "STORE",
      message: expect.stringMatching(/missing on gleanerd's disk: send it again/),
    });
    expect(await write(ada, "abc")).toBe(false);
    expect(keptTexts()).toEqual(["abc"]);
  });

  test("that cannot be recorded leaves no file, unless somebody else has it", async () => {
    const keepBlob = async () => Promise.reject(new GleanerError("STORE", "disk I/O error"));
    const failing = await newDaemon({ keepBlob });
    await expect(write(ada, "abc", failing)).rejects.toThrow("disk I/O error");
    expect(keptTexts()).toEqual([]);
    await write(bob, "abc");
    await expect(write(ada, "abc", failing)).rejects.toThrow("disk I/O error");
    expect(keptTexts()).toEqual(["abc"]);
  });
});

describe("a user's part", () => {
  const full = (limit: number) =>
    expect.objectContaining({
      code: "LIMIT_REACHED",
      message: expect.stringMatching(
        new RegExp(
          `the limit for one user is ${limit * mebibyte} at present .*glean function remove`,
        ),
      ),
    });

  test("is bounded, over a restart, and what failed does not count", async () => {
    await write(ada, sized(2, "a"));
    await expect(write(ada, sized(2, "b"))).rejects.toEqual(full(3));
    freeBytes = 5;
    await expect(write(ada, sized(1, "c"))).rejects.toThrow("the disk is full");
    freeBytes = Number.POSITIVE_INFINITY;
    await write(ada, sized(1, "c"));
    expect(await write(ada, sized(2, "a"))).toBe(false);
    blobs = await newDaemon();
    await expect(write(ada, "d")).rejects.toEqual(full(3));
    await write(bob, "d");
  });

  test("counts what is on its way", async () => {
    let more: (chunk: Buffer) => void = () => undefined;
    const slow = (async function* () {
      yield await new Promise<Buffer>((resolve) => {
        more = resolve;
      });
    })();
    const first = blobs.write(ada, announced(sized(2, "a")), slow);
    await expect(write(ada, sized(2, "b"))).rejects.toEqual(full(3));
    more(sized(2, "a"));
    expect(await first).toBe(true);
  });

  test("leaves as much to others", async () => {
    await write(1, sized(3, "a"));
    await write(2, sized(2, "a"));
    // 8 MB, of which others have 5.
    await expect(write(3, sized(2, "a"))).rejects.toEqual(full(1.5));
    await write(3, sized(1, "a"));
  });
});

describe("what nothing needs", () => {
  test("is removed after a while, with its file only once nobody has it", async () => {
    await write(ada, "abc");
    await write(bob, "abc");
    expect(await blobs.removeUnused()).toBe(0);
    atMs += 1_001;
    await write(bob, "abc");
    expect(await blobs.removeUnused()).toBe(1);
    expect(keptTexts()).toEqual(["abc"]);
    atMs += 1_001;
    expect(await blobs.removeUnused()).toBe(1);
    expect(keptTexts()).toEqual([]);
    expect(await blobs.openOwn(bob, announced("abc").sha256)).toBeNull();
    await write(ada, sized(3, "a"));
  });

  test("is not removed under somebody who sends it at that moment", async () => {
    await write(ada, "abc");
    atMs += 1_001;
    const [, isNew] = await Promise.all([blobs.removeUnused(), write(bob, "abc")]);
    expect(isNew).toBe(true);
    expect(keptTexts()).toEqual(["abc"]);
    const [again] = await Promise.all([write(ada, "abc"), blobs.removeUnused()]);
    expect([again, keptTexts()]).toEqual([true, ["abc"]]);
  });

  test("that a daemon wrote and died before it recorded it is removed", async () => {
    await write(ada, "abc");
    await (await files.receive(chunks("lost"), 4)).keep();
    await files.receive(chunks("half"), 4);
    blobs = await newDaemon();
    expect(files.unfinished).toBe(0);
    expect(await blobs.removeUnrecorded()).toBe(1);
    expect(keptTexts()).toEqual(["abc"]);
    expect(await blobs.removeUnrecorded()).toBe(0);
  });
});

describe("a content in memory", () => {
  const body = sized(1, "m");
  const content = { contentType: "a/b", body, resultHash: null };
  const { sha256 } = announced(body);

  test("is admitted at once, on disk later, and its memory is given back when nobody holds it", async () => {
    let isFree = false;
    const carried = await blobs.carry(ada, content, () => {
      isFree = true;
    });
    expect(carried.payload).toEqual({ contentType: "a/b", blob: sha256, bytes: mebibyte });
    expect([blobs.bytesOf(ada), files.kept.size]).toEqual([mebibyte, 0]);
    carried.hold();
    await carried.keep.surely;
    expect(body.equals(Buffer.from(files.kept.get(sha256)!))).toBe(true);
    expect(await store.loadBlob(ada, sha256)).toMatchObject({ bytes: mebibyte });
    expect([isFree, carried.body]).toEqual([false, body]);
    carried.release();
    expect([isFree, carried.body]).toEqual([true, null]);
    expect(blobs.bytesOf(ada)).toBe(mebibyte);
  });

  test("is written until that succeeds", async () => {
    const receive = files.receive.bind(files);
    let tries = 0;
    files.receive = async (...given) => {
      if (++tries === 1) throw new GleanerError("LIMIT_REACHED", "the disk is full");
      return receive(...given);
    };
    restore();
    const { keep } = await blobs.carry(ada, content, () => {});
    await expect(keep.orFailed()).rejects.toMatchObject({
      code: "STORE",
      message: expect.stringContaining("the disk is full"),
    });
    await expect(keep.orFailed()).rejects.toThrow(/the disk is full/);
    await keep.surely;
    await keep.orFailed();
    expect([tries, files.kept.size, blobs.bytesOf(ada)]).toEqual([2, 1, mebibyte]);
  });

  test("without room for it is refused, as is one with another hash than its node announced", async () => {
    await expect(blobs.carry(ada, { ...content, body: sized(4, "x") }, () => {})).rejects.toThrow(
      /limit for one user/,
    );
    freeBytes = 7;
    await expect(blobs.carry(ada, content, () => {})).rejects.toThrow("the disk is full");
    const other = announced("other").sha256;
    await expect(
      blobs.carry(ada, { ...content, resultHash: other }, () => {}),
    ).rejects.toBeInstanceOf(DifferentContentError);
    expect(blobs.bytesOf(ada)).toBe(0);
    // A result may take the reserve.
    const { keep } = await blobs.carry(ada, { ...content, resultHash: sha256 }, () => {});
    await keep.surely;
    expect(files.kept.size).toBe(1);
  });
});
