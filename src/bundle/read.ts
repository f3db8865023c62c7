// Reads a bundle as it arrives, entry by entry, and refuses everything that pack() would not have
// written: other forms of the same content, odd types, names that lead elsewhere.

import { GleanerError } from "../model/errors.js";
import { ByteReader } from "./byte-reader.js";
import { maxBlobBytes, maxBundleEntries, maxManifestBytes } from "./limits.js";
import { compareNames, linkProblem, manifestName, nameProblem } from "./names.js";
import {
  blockBytes,
  type Entry,
  endBlocks,
  headerBlocks,
  paddingOf,
  readHeader,
  readPax,
  typeOf,
} from "./tar.js";

/** Two names at their maximum length. */
const maxPaxBytes = 4_096;

export type ReadEntry = Entry & {
  /** A file's bytes; what nobody reads is skipped. */
  readonly content: AsyncIterable<Buffer>;
};

const malformed = (why: string): GleanerError =>
  new GleanerError("BAD_REQUEST", `this is not a bundle of Gleaner: ${why}`);

const refused = (name: string, problem: string): GleanerError =>
  new GleanerError("BAD_REQUEST", `the bundle's entry ${name} ${problem}`);

/** The manifest is the first entry, the others follow in the order of their names. */
export async function* readBundle(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ReadEntry> {
  const reader = new ByteReader(chunks, maxBlobBytes, malformed);
  try {
    yield* entriesOf(reader);
  } finally {
    await reader.close();
  }
}

async function* entriesOf(reader: ByteReader): AsyncGenerator<ReadEntry> {
  const order = new Order();
  for (;;) {
    const entry = await nextEntry(reader);
    if (entry === null) break;
    order.accept(entry);
    const bytes = entry.kind === "file" ? entry.bytes : 0;
    const left = reader.begin(bytes);
    yield { ...entry, content: left };
    for await (const _ of left);
    const padding = await reader.take(paddingOf(bytes));
    if (padding.some((byte) => byte !== 0)) throw malformed("the end of an entry is not empty");
  }
  if (order.count === 0) throw malformed("it has no manifest");
  if (!(await reader.isAtEnd())) throw malformed("something follows its end");
}

/** null at the end of the bundle. */
async function nextEntry(reader: ByteReader): Promise<Entry | null> {
  const first = await reader.take(blockBytes);
  if (first.every((byte) => byte === 0)) {
    const second = await reader.take(endBlocks.length - blockBytes);
    if (second.some((byte) => byte !== 0)) throw malformed("it has an empty entry");
    return null;
  }
  const parts = [first];
  let header = readHeader(first);
  let pax: ReturnType<typeof readPax> = {};
  if (header.type === typeOf.pax) {
    const { bytes } = header;
    if (!(bytes <= maxPaxBytes)) throw malformed("it has a pax header that no bundle has");
    const records = await reader.take(bytes);
    const own = await reader.take(paddingOf(bytes) + blockBytes);
    parts.push(records, own);
    pax = readPax(records, malformed);
    header = readHeader(own.subarray(-blockBytes));
  }
  const name = utf8(pax.path ?? header.name);
  const target = utf8(pax.linkpath ?? header.target);
  const entry = entryOf(name, target, header);
  // The same content has one form only, which two programs cannot read in two ways.
  if (!headerBlocks(entry).equals(Buffer.concat(parts)))
    throw refused(name, "has a header that no bundle has");
  return entry;
}

function entryOf(
  name: string,
  target: string,
  { type, bytes, mode }: ReturnType<typeof readHeader>,
): Entry {
  if (type === typeOf.link) return { kind: "link", name, target };
  if (type !== typeOf.file) throw refused(name, "is neither a file nor a symbolic link");
  if (!(bytes <= maxBlobBytes)) throw refused(name, `is larger than ${maxBlobBytes} bytes`);
  return { kind: "file", name, bytes, executable: mode === 0o755 };
}

function utf8(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed("a name in it is not UTF-8");
  }
}

/** Holds that names are valid, ascend, and do not lie below files or links. */
class Order {
  count = 0;
  private previous = "";
  private readonly leaves = new Set<string>();

  accept(entry: Entry): void {
    const { name } = entry;
    this.count++;
    if (this.count === 1) {
      acceptManifest(entry);
      return;
    }
    if (this.count > maxBundleEntries + 1)
      throw malformed(`it has more than ${maxBundleEntries} files`);
    const problem =
      nameProblem(name) ?? (entry.kind === "link" ? linkProblem(name, entry.target) : null);
    if (problem !== null) throw refused(name, problem);
    if (compareNames(this.previous, name) >= 0)
      throw refused(name, "is not in the order of names, or comes twice");
    for (let at = name.indexOf("/"); at >= 0; at = name.indexOf("/", at + 1))
      if (this.leaves.has(name.slice(0, at))) throw refused(name, "lies below a file or a link");
    this.leaves.add(name);
    this.previous = name;
  }
}

function acceptManifest(entry: Entry): void {
  if (entry.name !== manifestName || entry.kind !== "file" || entry.executable)
    throw malformed(`it does not begin with ${manifestName}`);
  if (entry.bytes > maxManifestBytes)
    throw new GleanerError(
      "BAD_REQUEST",
      `the function's settings take ${entry.bytes} bytes, and the limit is ${maxManifestBytes}: set fewer variables, or a shorter setup`,
    );
}
