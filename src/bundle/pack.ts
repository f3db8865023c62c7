// Writes a bundle: the manifest, then files and links in the order of their names, so that the same
// content is the same bytes, whoever packs it, where and when.

import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { GleanerError, messageOf } from "../model/errors.js";
import { type VersionId, versionId } from "../model/ids.js";
import { maxBlobBytes } from "./limits.js";
import { compareNames, manifestName } from "./names.js";
import {
  blockBytes,
  endBlocks,
  type FileEntry,
  headerBlocks,
  type LinkEntry,
  paddingOf,
} from "./tar.js";

/** A file to pack, with its place on disk, or a link. */
export type SourceEntry = (FileEntry & { readonly path: string }) | LinkEntry;

const chunkBytes = 64 * 1024;

/** The bundle's bytes. `entries` may be in any order. */
export async function* packBundle(
  manifest: string,
  entries: readonly SourceEntry[],
): AsyncGenerator<Buffer> {
  const settings = Buffer.from(manifest);
  const first = { kind: "file", name: manifestName, executable: false } as const;
  yield headerBlocks({ ...first, bytes: settings.length });
  yield Buffer.concat([settings, Buffer.alloc(paddingOf(settings.length))]);
  for (const entry of entries.toSorted((one, other) => compareNames(one.name, other.name))) {
    yield headerBlocks(entry);
    if (entry.kind === "link") continue;
    yield* contentOf(entry);
    const padding = paddingOf(entry.bytes);
    if (padding > 0) yield Buffer.alloc(padding);
  }
  yield endBlocks;
}

/** The version that a bundle is, and its size. */
export async function bundleDigest(
  chunks: AsyncIterable<Buffer>,
): Promise<{ readonly version: VersionId; readonly bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { version: versionId(hash.digest("hex")), bytes };
}

/** The bundle's size, without reading any file. */
export function packedBytes(manifest: string, entries: readonly SourceEntry[]): number {
  const whole = (bytes: number) => bytes + paddingOf(bytes);
  const sizes = entries.map(
    (entry) => headerBlocks(entry).length + (entry.kind === "file" ? whole(entry.bytes) : 0),
  );
  const ends = endBlocks.length + blockBytes + whole(Buffer.byteLength(manifest));
  return sizes.reduce((sum, bytes) => sum + bytes, ends);
}

async function* contentOf({ path, bytes }: FileEntry & { path: string }): AsyncGenerator<Buffer> {
  const changed = new GleanerError(
    "BAD_REQUEST",
    `${path} changed while it was read: deploy again when nothing writes to it`,
  );
  // A link that took the file's place might lead anywhere.
  const file = await openToRead(path);
  try {
    for (let left = bytes; left > 0; ) {
      const buffer = Buffer.allocUnsafe(Math.min(left, chunkBytes));
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) throw changed;
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
    if ((await file.read(Buffer.alloc(1), 0, 1)).bytesRead > 0) throw changed;
  } finally {
    await file.close();
  }
}

async function openToRead(path: string): Promise<FileHandle> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    return await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (cause) {
    throw new GleanerError("BAD_REQUEST", `cannot read ${path} (${messageOf(cause)})`, { cause });
  }
}

/** Throws BAD_REQUEST, naming the largest file, if the bundle would be too large. */
export function requireSize(manifest: string, entries: readonly SourceEntry[]): void {
  const bytes = packedBytes(manifest, entries);
  if (bytes <= maxBlobBytes) return;
  const size = (entry: SourceEntry) => (entry.kind === "file" ? entry.bytes : 0);
  const largest = entries.reduce((most, each) => (size(each) > size(most) ? each : most));
  throw new GleanerError(
    "BAD_REQUEST",
    `the bundle would have ${bytes} bytes and the limit is ${maxBlobBytes} (the largest file is ${largest.name} with ${size(largest)}): list in .gleanerignore what the code does not need, and read large data from a shared file system`,
  );
}
