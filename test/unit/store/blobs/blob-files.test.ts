// Contents on disk: whole and under their hash, or not there; nothing of an unfinished one is left.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { BlobFiles } from "../../../../src/core/ports/blobs.js";
import { blobHash } from "../../../../src/model/ids.js";
import { createBlobFiles } from "../../../../src/store/blobs/blob-files.js";

let state: string;
let files: BlobFiles;
beforeEach(async () => {
  state = mkdtempSync(join(tmpdir(), "gleaner-blobs-"));
  files = createBlobFiles(join(state, "blobs"));
  await files.prepare();
});
afterEach(() => rmSync(state, { recursive: true }));

const hashOf = (text: string) => blobHash(createHash("sha256").update(text).digest("hex"));

async function* chunks(...texts: (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    if (text instanceof Error) throw text;
    yield Buffer.from(text);
  }
}

const unfinished = () => readdirSync(join(state, "blobs/new"));
const all = async () => {
  const found: string[] = [];
  for await (const piece of files.list()) found.push(...piece);
  return found;
};
async function textOf(sha256: ReturnType<typeof hashOf>): Promise<string | null> {
  const opened = await files.open(sha256);
  if (opened === null) return null;
  let text = "";
  for await (const chunk of opened.content) text += Buffer.from(chunk).toString();
  expect(opened.bytes).toBe(text.length);
  return text;
}

describe("a content", () => {
  test("is there under its hash once it is kept, for gleanerd alone", async () => {
    const received = await files.receive(chunks("ab", "", "c"), 3);
    expect(received).toMatchObject({ sha256: hashOf("abc"), bytes: 3 });
    expect(await files.open(hashOf("abc"))).toBeNull();
    await received.keep();
    expect(await textOf(hashOf("abc"))).toBe("abc");
    expect(await all()).toEqual([hashOf("abc")]);
    const path = join(state, "blobs", hashOf("abc").slice(0, 2), hashOf("abc"));
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(lstatSync(join(path, "..")).mode & 0o777).toBe(0o700);
    expect(lstatSync(join(state, "blobs")).mode & 0o777).toBe(0o700);
  });

  test("that is kept again heals a file that was damaged", async () => {
    await (await files.receive(chunks("abc"), 3)).keep();
    writeFileSync(join(state, "blobs", hashOf("abc").slice(0, 2), hashOf("abc")), "xyz");
    await (await files.receive(chunks("abc"), 3)).keep();
    expect(await textOf(hashOf("abc"))).toBe("abc");
  });

  test("can be read to its end although it is removed meanwhile", async () => {
    await (await files.receive(chunks("abc"), 3)).keep();
    const opened = (await files.open(hashOf("abc")))!;
    await files.remove(hashOf("abc"));
    await files.remove(hashOf("abc"));
    expect(await files.open(hashOf("abc"))).toBeNull();
    for await (const chunk of opened.content) expect(Buffer.from(chunk).toString()).toBe("abc");
  });

  test("that is discarded leaves nothing", async () => {
    await (await files.receive(chunks("abc"), 3)).discard();
    expect([unfinished(), await all()]).toEqual([[], []]);
  });

  test("that is too large is refused, and leaves nothing", async () => {
    await expect(files.receive(chunks("ab", "cd"), 3)).rejects.toMatchObject({
      code: "LIMIT_REACHED",
      message: expect.stringMatching(/^the content is larger than 3 bytes/),
    });
    expect(unfinished()).toEqual([]);
  });

  test("that breaks off leaves nothing", async () => {
    const gone = new Error("the client is gone");
    await expect(files.receive(chunks("ab", gone), 3)).rejects.toBe(gone);
    expect(unfinished()).toEqual([]);
  });

  test.each([
    [28, "LIMIT_REACHED", "gleanerd's disk is full (so said Linux): nothing was kept; ask an op"],
    [122, "LIMIT_REACHED", "gleanerd's disk is full (so said Linux): nothing was kept; ask an op"],
    [27, "LIMIT_REACHED", "gleanerd's disk is full (so said Linux): nothing was kept; ask an op"],
    [5, "STORE", "gleanerd's disk cannot be written (so said Linux): nothing was kept; ask an op"],
    [30, "STORE", "gleanerd's disk cannot be written (so said Linux): nothing was kept; ask an op"],
    [24, "LIMIT_REACHED", "gleanerd cannot open another file (so said Linux): nothing was kept; t"],
  ])("that the disk refuses (errno %d) says what to do", async (errno, code, sentence) => {
    const refused = Object.assign(new Error("so said Linux"), { errno: -errno });
    await expect(files.receive(chunks("ab", refused), 3)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(sentence),
    });
    expect(unfinished()).toEqual([]);
  });

  test("that cannot get its name says what to do", async () => {
    const received = await files.receive(chunks("abc"), 3);
    execFileSync("mount", ["--bind", state, state]);
    try {
      execFileSync("mount", ["-o", "remount,ro,bind", state]);
      await expect(received.keep()).rejects.toThrow(
        /^gleanerd's disk cannot be written \(EROFS\): nothing was kept; ask an operator to check/,
      );
      await expect(files.receive(chunks("ab"), 3)).rejects.toThrow(
        "check the file system of state",
      );
    } finally {
      execFileSync("umount", [state]);
    }
  });
});

describe("at the start", () => {
  test("what an earlier daemon had begun is removed, and what it kept is there", async () => {
    await (await files.receive(chunks("abc"), 3)).keep();
    await files.receive(chunks("half"), 4);
    expect(unfinished()).toHaveLength(1);
    const next = createBlobFiles(join(state, "blobs"));
    await next.prepare();
    expect([unfinished(), await all()]).toEqual([[], [hashOf("abc")]]);
    await (await next.receive(chunks("x"), 4)).keep();
  });

  test("a folder that cannot be used is named", async () => {
    writeFileSync(join(state, "file"), "");
    await expect(createBlobFiles(join(state, "file")).prepare()).rejects.toMatchObject({
      code: "STORE",
      message: expect.stringMatching(/^cannot prepare .*file .*: check the file system/),
    });
  });
});
