// Contents by their hash in memory: what was kept stays, whatever daemon uses it.

import { createHash } from "node:crypto";
import type { BlobFiles } from "../../../src/core/ports/blobs.js";
import { GleanerError } from "../../../src/model/errors.js";
import { type BlobHash, blobHash } from "../../../src/model/ids.js";

export class MemoryBlobFiles implements BlobFiles {
  readonly kept = new Map<BlobHash, Uint8Array>();
  /** What was begun, and neither kept nor discarded. */
  unfinished = 0;

  async prepare(): Promise<void> {
    this.unfinished = 0;
  }

  async receive(content: AsyncIterable<Uint8Array>, maxBytes: number) {
    const parts: Uint8Array[] = [];
    for await (const part of content) parts.push(part);
    const whole = Buffer.concat(parts);
    if (whole.length > maxBytes)
      throw new GleanerError("LIMIT_REACHED", "the content is too large");
    const sha256 = blobHash(createHash("sha256").update(whole).digest("hex"));
    this.unfinished++;
    return {
      sha256,
      bytes: whole.length,
      keep: async () => {
        this.unfinished--;
        this.kept.set(sha256, whole);
      },
      discard: async () => {
        this.unfinished--;
      },
    };
  }

  async open(sha256: BlobHash) {
    const whole = this.kept.get(sha256);
    if (whole === undefined) return null;
    const content = (async function* () {
      yield whole;
    })();
    return { bytes: whole.length, content, close: async () => undefined };
  }

  async read(sha256: BlobHash, offset: number, bytes: number) {
    const part = this.kept.get(sha256)?.subarray(offset, offset + bytes);
    return part?.length === bytes ? part : null;
  }

  async remove(sha256: BlobHash): Promise<void> {
    this.kept.delete(sha256);
  }

  async *list() {
    yield [...this.kept.keys()];
  }
}
