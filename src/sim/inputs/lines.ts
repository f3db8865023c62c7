// The lines of a text file, gzipped or not, one at a time and of bounded length.

import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { GleanerError, messageOf } from "../../model/errors.js";

/** Long enough for a job on 65,536 nodes listed by core; a longer line is not a record. */
const maxLineLength = 4_000_000;

/** A reader's input: parsers do not care where text comes from. */
export type Lines = AsyncIterable<string> | Iterable<string>;

/**
 * The lines of `file`, without line ends; a line above maxLineLength is truncated. Gzip is
 * recognised by its first two bytes. Throws NOT_FOUND if the file cannot be read or its gzip is
 * damaged.
 */
export async function* linesOf(file: string): AsyncGenerator<string> {
  try {
    const unzips = await isGzip(file);
    const raw = createReadStream(file);
    const input = unzips ? raw.pipe(createGunzip()) : raw;
    // readline does not report errors: they end the loop here.
    let failure: unknown = null;
    const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
    const fail = (cause: unknown) => {
      failure = cause;
      lines.close();
    };
    raw.on("error", fail);
    input.on("error", fail);
    for await (const line of lines)
      yield line.length > maxLineLength ? line.slice(0, maxLineLength) : line;
    if (failure !== null) throw failure;
  } catch (cause) {
    throw new GleanerError(
      "NOT_FOUND",
      `cannot read ${file} (${messageOf(cause)}): name a readable file`,
      {
        cause,
      },
    );
  }
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}
