// The lines of a text file in UTF-8 or UTF-16, gzipped or not, one at a time and of bounded length.

import { createReadStream } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { errorCodeOf, GleanerError, messageOf } from "../../model/errors.js";

/** Long enough for a job on 65,536 nodes listed by core; a longer line is not a record. */
const maxLineLength = 4_000_000;

/** A reader's input: parsers do not care where text comes from. */
export type Lines = AsyncIterable<string> | Iterable<string>;

/** The first bytes of files that are compressed otherwise, and what decompresses them. */
const otherFormats: readonly { readonly starts: string; readonly program: string }[] = [
  { starts: "BZh", program: "bunzip2" },
  { starts: "\xfd7zXZ", program: "unxz" },
  { starts: "\x28\xb5\x2f\xfd", program: "unzstd" },
  { starts: "PK\x03\x04", program: "unzip" },
];

/**
 * The lines of `file`, without line ends; a line above maxLineLength is truncated. Gzip and UTF-16
 * are recognised by their first two bytes. Throws NOT_FOUND if the file cannot be read or its gzip
 * is damaged, BAD_REQUEST if it is compressed otherwise. `onRead` hears how many bytes of the file
 * were read.
 */
export async function* linesOf(
  file: string,
  onRead: (bytes: number) => void = () => undefined,
): AsyncGenerator<string> {
  try {
    // From one stream, because a pipe such as /dev/stdin cannot be read twice.
    const chunks = createReadStream(file, { highWaterMark: 1 << 18 })[Symbol.asyncIterator]();
    const { value: first = Buffer.alloc(0) } = await chunks.next();
    refuseOtherFormats(file, first);
    const rest = { [Symbol.asyncIterator]: () => chunks };
    const raw = Readable.from(startingWith(first, rest, onRead));
    // pipeline, because pipe does not hand on an error of the file; the loop below throws it.
    yield* linesIn(isGzip(first) ? pipeline(raw, createGunzip(), () => undefined) : raw);
  } catch (cause) {
    if (cause instanceof GleanerError) throw cause;
    const code = errorCodeOf(cause);
    const sentence =
      code?.startsWith("Z_") === true
        ? `cannot read ${file} (its gzip data is damaged or ends early: ${messageOf(cause)}): copy the file again`
        : `cannot read ${file} (${messageOf(cause)}): name a readable file`;
    throw new GleanerError("NOT_FOUND", sentence, { cause });
  }
}

async function* linesIn(input: Readable): AsyncGenerator<string> {
  let decoder: InstanceType<typeof TextDecoder> | null = null;
  let rest = "";
  for await (const chunk of input) {
    decoder ??= new TextDecoder(encodingOf(chunk as Buffer));
    const text = rest + decoder.decode(chunk as Buffer, { stream: true });
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      yield lineOf(text, from, end);
      from = end + 1;
    }
    // A line without an end is kept only as far as it is ever yielded.
    rest = text.slice(from, from + maxLineLength);
  }
  rest += decoder?.decode() ?? "";
  if (rest !== "") yield lineOf(rest, 0, rest.length);
}

function lineOf(text: string, from: number, end: number): string {
  const last = end > from && text.charCodeAt(end - 1) === 13 ? end - 1 : end;
  return text.slice(from, Math.min(last, from + maxLineLength));
}

async function* startingWith(
  first: Buffer,
  rest: AsyncIterable<Buffer>,
  onRead: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  let bytes = first.length;
  onRead(bytes);
  yield first;
  for await (const chunk of rest) {
    bytes += chunk.length;
    onRead(bytes);
    yield chunk;
  }
}

/** Windows writes UTF-16, with a mark at the beginning that the decoder takes away. */
function encodingOf(start: Buffer): string {
  if (start[0] === 0xff && start[1] === 0xfe) return "utf-16le";
  return start[0] === 0xfe && start[1] === 0xff ? "utf-16be" : "utf-8";
}

function refuseOtherFormats(file: string, start: Buffer): void {
  const text = start.toString("latin1", 0, 8);
  const found = otherFormats.find(({ starts }) => text.startsWith(starts));
  if (found === undefined) return;
  throw new GleanerError(
    "BAD_REQUEST",
    `${file} is compressed in a format that is not read: decompress it with ${found.program} (gzip is read)`,
  );
}

const isGzip = (start: Buffer): boolean => start[0] === 0x1f && start[1] === 0x8b;
