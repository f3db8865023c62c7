// The form of a bundle: a tar (ustar, with pax records for long names) without times and owners, in
// which equal entries are equal bytes.

import type { GleanerError } from "../model/errors.js";

export interface FileEntry {
  readonly kind: "file";
  readonly name: string;
  readonly bytes: number;
  readonly executable: boolean;
}

/** A symbolic link. */
export interface LinkEntry {
  readonly kind: "link";
  readonly name: string;
  readonly target: string;
}

export type Entry = FileEntry | LinkEntry;

export const blockBytes = 512;
/** Two empty blocks end a tar. */
export const endBlocks = Buffer.alloc(2 * blockBytes);
/** Longer names stand in a pax record before their header. */
const maxHeaderName = 100;
const paxName = "@PaxHeader";

export const typeOf = { file: "0", link: "2", pax: "x" } as const;

/** What a block's fields say, not checked yet. */
export interface Header {
  readonly name: Buffer;
  readonly mode: number;
  readonly bytes: number;
  readonly type: string;
  readonly target: Buffer;
}

/** The zeros that fill the last block of a content. */
export const paddingOf = (bytes: number): number =>
  (blockBytes - (bytes % blockBytes)) % blockBytes;

/** The blocks before an entry's content. */
export function headerBlocks(entry: Entry): Buffer {
  const name = Buffer.from(entry.name);
  const target = Buffer.from(entry.kind === "link" ? entry.target : "");
  const records = Buffer.concat([
    ...(name.length > maxHeaderName ? [paxRecord("path", name)] : []),
    ...(target.length > maxHeaderName ? [paxRecord("linkpath", target)] : []),
  ]);
  const [mode, bytes] =
    entry.kind === "file" ? [entry.executable ? 0o755 : 0o644, entry.bytes] : [0o777, 0];
  const own = block({ name, mode, bytes, type: typeOf[entry.kind], target });
  if (records.length === 0) return own;
  const none = Buffer.alloc(0);
  const pax = { name: Buffer.from(paxName), mode: 0o644, type: typeOf.pax, target: none };
  const padding = Buffer.alloc(paddingOf(records.length));
  return Buffer.concat([block({ ...pax, bytes: records.length }), records, padding, own]);
}

function block({ name, mode, bytes, type, target }: Header): Buffer {
  const header = Buffer.alloc(blockBytes);
  name.copy(header, 0, 0, maxHeaderName);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  // Mode, owner, group, size and time of the change.
  header.write(`${octal(mode, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0`, 100, "latin1");
  header.write(`${octal(bytes, 11)}\0${octal(0, 11)}\0`, 124, "latin1");
  // The sum is that of a header with blanks in its place.
  header.fill(" ", 148, 156);
  header.write(type, 156, "latin1");
  target.copy(header, 157, 0, maxHeaderName);
  header.write("ustar\x0000", 257, "latin1");
  header.write(`${octal(0, 7)}\0${octal(0, 7)}\0`, 329, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148, "latin1");
  return header;
}

/** `27 path=…` and a line feed, where the number counts itself. */
function paxRecord(key: "path" | "linkpath", value: Buffer): Buffer {
  const rest = ` ${key}=`.length + value.length + 1;
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from("\n")]);
}

/** The fields of a block; whoever reads them compares the block with headerBlocks(). */
export function readHeader(header: Buffer): Header {
  const text = (at: number, length: number): Buffer => {
    const field = header.subarray(at, at + length);
    const end = field.indexOf(0);
    return end < 0 ? field : field.subarray(0, end);
  };
  const octal = (at: number, length: number) => {
    const digits = text(at, length).toString("latin1");
    return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
  };
  return {
    name: text(0, maxHeaderName),
    mode: octal(100, 8),
    bytes: octal(124, 12),
    type: header.toString("latin1", 156, 157),
    target: text(157, maxHeaderName),
  };
}

/** The values of pax records; throws what `malformed` makes. */
export function readPax(
  records: Buffer,
  malformed: (why: string) => GleanerError,
): { readonly path?: Buffer; readonly linkpath?: Buffer } {
  const values: { path?: Buffer; linkpath?: Buffer } = {};
  for (let at = 0; at < records.length; ) {
    const [start, digits, key] =
      /^(\d{1,5}) (path|linkpath)=/.exec(records.toString("latin1", at, at + 20)) ?? [];
    const end = at + Number(digits ?? 0);
    if (start === undefined || end > records.length || records[end - 1] !== 0x0a)
      throw malformed("it has a pax record that no bundle has");
    values[key as "path" | "linkpath"] = records.subarray(at + start.length, end - 1);
    at = end;
  }
  return values;
}
