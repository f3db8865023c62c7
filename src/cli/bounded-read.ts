// Reads what a user names, which may be a device or a pipe that never ends, up to a limit.

import { readSync } from "node:fs";

const chunkBytes = 64 * 1024;

/** All bytes of an open file; null if there are more than `maxBytes`. Throws what readSync does. */
export function readAtMost(file: number, maxBytes: number): Buffer | null {
  const chunks: Buffer[] = [];
  let length = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    const count = readSync(file, chunk);
    if (count === 0) return Buffer.concat(chunks, length);
    length += count;
    if (length > maxBytes) return null;
    chunks.push(chunk.subarray(0, count));
  }
}
