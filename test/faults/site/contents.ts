// The contents on the simulated daemon's disk: what was named stays, what was begun goes with its
// daemon; the disk is slow, or full.

import type { BlobContent, BlobFiles, ReceivedBlob } from "../../../src/core/ports/blobs.js";
import type { StatDisk } from "../../../src/daemon/records/disk-reserve.js";
import { GleanerError } from "../../../src/model/errors.js";
import { type BlobHash, blobHash } from "../../../src/model/ids.js";
import { hashOf } from "../functions/bundles.js";
import type { Process } from "../timeline.js";
import type { World } from "./world.js";

const pieceBytes = 700;

export class Contents {
  readonly kept = new Map<BlobHash, Uint8Array>();

  /** `isRecorded`: whether a row of the database names it. */
  constructor(
    private readonly world: World,
    private readonly isRecorded: (sha256: BlobHash) => boolean,
  ) {}

  /** The reserve is noticed as used before the disk is full, or too late. */
  readonly statDisk: StatDisk = async () => ({
    bavail: this.world.weather.diskIsFull && this.world.chance.happens(0.5) ? 0 : 2 ** 30,
    bsize: 4_096,
    blocks: 2 ** 31,
  });

  filesOf(process: Process): BlobFiles {
    const wait = (): Promise<void> => {
      const { chance, weather } = this.world;
      const tookMs = chance.ms(0.05, 1) * weather.diskSlowness;
      return new Promise((resolve) => this.world.within(process, tookMs, resolve));
    };
    return {
      prepare: wait,
      receive: async (content, maxBytes) => {
        const parts: Uint8Array[] = [];
        for await (const part of content) parts.push(part);
        const whole = Buffer.concat(parts);
        await wait();
        if (whole.length > maxBytes)
          throw new GleanerError("LIMIT_REACHED", "the content is too large");
        if (this.world.weather.diskIsFull)
          throw new GleanerError("LIMIT_REACHED", "gleanerd's disk is full");
        return this.received(process, whole, wait);
      },
      open: async (sha256) => {
        await wait();
        return contentOf(this.kept.get(sha256));
      },
      read: async (sha256, offset, bytes) => {
        await wait();
        const part = this.kept.get(sha256)?.subarray(offset, offset + bytes);
        return part?.length === bytes ? part : null;
      },
      remove: async (sha256) => {
        process.act(() => this.remove(sha256));
        await wait();
      },
      list: () => listOf([...this.kept.keys()], wait),
    };
  }

  private received(process: Process, whole: Buffer, wait: () => Promise<void>): ReceivedBlob {
    const sha256 = blobHash(hashOf(whole));
    return {
      sha256,
      bytes: whole.length,
      keep: async () => {
        process.act(() => this.kept.set(sha256, whole));
        await wait();
      },
      discard: wait,
    };
  }

  private remove(sha256: BlobHash): void {
    if (this.isRecorded(sha256))
      this.world.complain(`the content ${sha256} is removed, and somebody has it`);
    this.kept.delete(sha256);
  }
}

function contentOf(whole: Uint8Array | undefined): BlobContent | null {
  if (whole === undefined) return null;
  const content = (async function* () {
    for (let at = 0; at < whole.length; at += pieceBytes) yield whole.subarray(at, at + pieceBytes);
  })();
  return { bytes: whole.length, content, close: async () => undefined };
}

async function* listOf(
  all: readonly BlobHash[],
  wait: () => Promise<void>,
): AsyncGenerator<readonly BlobHash[]> {
  await wait();
  if (all.length > 0) yield all;
}
