// The lines of a text file, gzipped or not, one at a time and of bounded length.

import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { GleanerError, messageOf } from "../../model/errors.js";

/** A job on 65,536 nodes listed by core fits; a longer line is no record. */
const maxLineLength = 4_000_000;

/** What a reader is given: where text comes from matters to no parser. */
export type Lines = AsyncIterable<string> | Iterable<string>;

/**
 * The lines of `file`, without their ends; a line above maxLineLength comes as its beginning. Gzip is known by its first two bytes. Throws
 * NOT_FOUND when the file cannot be read or its gzip is broken.
 */
export async function* linesOf(file: string): AsyncGenerator<string> {
  try {
    const unzips = await isGzip(file);
    const raw = createReadStream(file);
    const input = unzips ? raw.pipe(createGunzip()) : raw;
    // readline does not hear of errors: they end the loop here.
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
      `cannot read ${file} (${messageOf(cause)}): name a file that can be read`,
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
