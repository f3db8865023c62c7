// Contents by their hash in a folder: blobs/ab/abcd…, for gleanerd alone. A content is on disk,
// with its name, before anybody relies on it.

import { createHash } from "node:crypto";
import { constants, mkdirSync } from "node:fs";
import { type FileHandle, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { BlobContent, BlobFiles, ReceivedBlob } from "../../core/ports/blobs.js";
import { errnoOf, errorCodeOf, GleanerError, messageOf } from "../../model/errors.js";
import { type BlobHash, blobHash } from "../../model/ids.js";

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
/** ENOSPC, EDQUOT and EFBIG of Linux. */
const noRoom: readonly number[] = [28, 122, 27];
/** EIO, ENXIO and EROFS: after an error a disk is often read-only. */
const broken: readonly number[] = [5, 6, 30];
/** ENFILE and EMFILE. */
const tooManyFiles: readonly number[] = [23, 24];
const newFolder = "new";
const shards = Array.from({ length: 256 }, (_, index) => index.toString(16).padStart(2, "0"));
const hashShape = /^[0-9a-f]{64}$/;
const chunkBytes = 256 * 1024;

export function createBlobFiles(directory: string): BlobFiles {
  const pathOf = (sha256: BlobHash): string => join(directory, sha256.slice(0, 2), sha256);
  let received = 0;
  return {
    async prepare() {
      try {
        await rm(join(directory, newFolder), { recursive: true, force: true });
        for (const each of [newFolder, ...shards])
          mkdirSync(join(directory, each), { recursive: true, mode: 0o700 });
        await syncFolder(directory);
      } catch (cause) {
        const hint = "check the file system of stateDirectory";
        throw new GleanerError(
          "STORE",
          `cannot prepare ${directory} (${messageOf(cause)}): ${hint}`,
          { cause },
        );
      }
    },
    async receive(content, maxBytes, sha256) {
      const path = join(directory, newFolder, String(++received));
      try {
        const written = await write(path, content, { maxBytes, sha256 });
        return named(written, path, pathOf(written.sha256));
      } catch (cause) {
        // What cannot be removed goes with the next gleanerd.
        await rm(path, { force: true }).catch(() => {});
        throw problemOf(cause);
      }
    },
    open: (sha256) => openToRead(pathOf(sha256)),
    read: (sha256, offset, bytes) => readPart(pathOf(sha256), offset, bytes),
    remove: (sha256) => rm(pathOf(sha256), { force: true }),
    async *list() {
      for (const shard of shards) {
        const names = (await readdir(join(directory, shard))).filter((name) =>
          hashShape.test(name),
        );
        if (names.length > 0) yield names.map(blobHash);
      }
    },
  };
}

/** In place of what the file system says, a sentence about what to do. */
function problemOf(cause: unknown): unknown {
  const errno = errnoOf(cause);
  const why = errorCodeOf(cause) ?? messageOf(cause);
  if (noRoom.includes(errno))
    return new GleanerError(
      "LIMIT_REACHED",
      `gleanerd's disk is full (${why}): nothing was kept; ask an operator to free space on the file system of stateDirectory`,
      { cause },
    );
  if (broken.includes(errno))
    return new GleanerError(
      "STORE",
      `gleanerd's disk cannot be written (${why}): nothing was kept; ask an operator to check the file system of stateDirectory`,
      { cause },
    );
  if (tooManyFiles.includes(errno))
    return new GleanerError(
      "LIMIT_REACHED",
      `gleanerd cannot open another file (${why}): nothing was kept; try again in a moment, or ask an operator to raise LimitNOFILE of gleanerd's unit`,
      { cause },
    );
  return cause;
}

interface Written {
  readonly sha256: BlobHash;
  readonly bytes: number;
}

/** Resolves once the bytes are on disk. */
async function write(
  path: string,
  content: AsyncIterable<Uint8Array>,
  { maxBytes, sha256 }: { readonly maxBytes: number; readonly sha256: BlobHash | undefined },
): Promise<Written> {
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    const hash = sha256 === undefined ? createHash("sha256") : null;
    let bytes = 0;
    for await (const chunk of content) {
      bytes += chunk.length;
      if (bytes > maxBytes)
        throw new GleanerError(
          "LIMIT_REACHED",
          `the content is larger than ${maxBytes} bytes: keep large data on a shared file system`,
        );
      hash?.update(chunk);
      await writeAll(file, chunk);
    }
    await file.datasync();
    return { sha256: sha256 ?? blobHash(hash!.digest("hex")), bytes };
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; )
    at += (await file.write(chunk, at, chunk.length - at)).bytesWritten;
}

const named = (written: Written, path: string, final: string): ReceivedBlob => ({
  ...written,
  async keep() {
    try {
      await rename(path, final);
      await syncFolder(join(final, ".."));
    } catch (cause) {
      throw problemOf(cause);
    }
  },
  discard: () => rm(path, { force: true }),
});

/** After this the names in a folder survive a power failure. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function fileAt(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, constants.O_RDONLY | O_NOFOLLOW);
  } catch (cause) {
    if (errorCodeOf(cause) === "ENOENT") return null;
    throw cause;
  }
}

async function readPart(path: string, offset: number, bytes: number): Promise<Uint8Array | null> {
  const file = await fileAt(path);
  if (file === null) return null;
  try {
    const part = Buffer.allocUnsafe(bytes);
    const { bytesRead } = await file.read(part, 0, bytes, offset);
    return bytesRead === bytes ? part : null;
  } finally {
    await file.close();
  }
}

async function openToRead(path: string): Promise<BlobContent | null> {
  const file = await fileAt(path);
  if (file === null) return null;
  const { size } = await file.stat();
  return { bytes: size, content: chunksOf(file), close: () => file.close() };
}

async function* chunksOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(chunkBytes);
      const { bytesRead } = await file.read(buffer, 0, chunkBytes);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
