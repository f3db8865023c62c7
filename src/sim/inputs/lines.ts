// The lines of a text file, gzipped or not, one at a time and of bounded length.

import { createReadStream } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { createGunzip } from "node:zlib";
import { GleanerError, messageOf } from "../../model/errors.js";

/** Long enough for a job on 65,536 nodes listed by core; a longer line is not a record. */
const maxLineLength = 4_000_000;

/** A reader's input: parsers do not care where text comes from. */
export type Lines = AsyncIterable<string> | Iterable<string>;

/**
 * The lines of `file`, without line ends; a line above maxLineLength is truncated. Gzip is
 * recognised by its first two bytes. Throws NOT_FOUND if the file cannot be read or its gzip is
 * damaged. `onRead` hears how many bytes of the file were read.
 */
export async function* linesOf(
  file: string,
  onRead: (bytes: number) => void = () => undefined,
): AsyncGenerator<string> {
  try {
    // From one stream, because a pipe such as /dev/stdin cannot be read twice.
    const chunks = createReadStream(file, { highWaterMark: 1 << 18 })[Symbol.asyncIterator]();
    const { value: first = Buffer.alloc(0) } = await chunks.next();
    const rest = { [Symbol.asyncIterator]: () => chunks };
    const raw = Readable.from(startingWith(first, rest, onRead));
    // pipeline, because pipe does not hand on an error of the file; the loop below throws it.
    yield* linesIn(isGzip(first) ? pipeline(raw, createGunzip(), () => undefined) : raw);
  } catch (cause) {
    if (cause instanceof GleanerError) throw cause;
    const code = (cause as { code?: unknown }).code;
    const sentence =
      typeof code === "string" && code.startsWith("Z_")
        ? `cannot read ${file} (its gzip data is damaged or ends early: ${messageOf(cause)}): copy the file again`
        : `cannot read ${file} (${messageOf(cause)}): name a readable file`;
    throw new GleanerError("NOT_FOUND", sentence, { cause });
  }
}

async function* linesIn(input: Readable): AsyncGenerator<string> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of input) {
    const text = rest + decoder.write(chunk as Buffer);
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      yield lineOf(text, from, end);
      from = end + 1;
    }
    // A line without an end is kept only as far as it is ever yielded.
    rest = text.slice(from, from + maxLineLength);
  }
  rest += decoder.end();
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

const isGzip = (start: Buffer): boolean => start[0] === 0x1f && start[1] === 0x8b;
