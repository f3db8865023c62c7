// A file without a name on a simulated node: it is gone with whoever opened it.

import type { SpoolFile } from "../../../src/executor/workers/payloads/spool.js";

export async function openUnnamedFile(): Promise<SpoolFile> {
  let content = Buffer.alloc(0);
  const file = {
    async write(bytes: Uint8Array, offset: number, length: number, position: number) {
      const end = position + length;
      if (end > content.length) content = Buffer.concat([content], end);
      content.set(bytes.subarray(offset, offset + length), position);
      return { bytesWritten: length, buffer: bytes };
    },
    async read(into: Uint8Array, offset: number, length: number, position: number) {
      const part = content.subarray(position, position + length);
      into.set(part, offset);
      return { bytesRead: part.length, buffer: into };
    },
    async close() {},
  };
  return file as unknown as SpoolFile;
}
