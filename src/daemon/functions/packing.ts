// Packs the inputs of a map into one content while they arrive: the frames one after the other, and
// behind them where each begins, so that any one is found by two reads.

import { isStored, type StoredPayload } from "../../model/call.js";
import { GleanerError } from "../../model/errors.js";
import { inputIn } from "../../wire/api/input-frames.js";

/** What cuts a stream into frames. */
export interface InputReader {
  take(chunk: Uint8Array): Buffer[];
  end(): Buffer[];
}

/** An offset takes six bytes: enough for any disk. */
export const offsetBytes = 6;
/** At the end of a content: where the offsets begin, and how many inputs there are. */
export const trailerBytes = 2 * offsetBytes;
/** Inputs over 64 KiB, each a content of its own with a row in the store. */
const maxLarge = 10_000;
/** Offsets are kept in blocks: a million inputs take 8 MB. */
const blockOffsets = 16_384;

export class Packing {
  readonly large: { task: number; payload: StoredPayload }[] = [];
  count = 0;
  private readonly blocks: Float64Array[] = [];
  private at = 0;

  constructor(
    private readonly reader: InputReader,
    private readonly maxInputs: number,
  ) {}

  /** The content, as it is to be written. Throws BAD_REQUEST or LIMIT_REACHED for what it reads. */
  async *pack(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      const frames = this.reader.take(chunk);
      if (frames.length > 0) yield this.packed(frames);
    }
    yield this.packed(this.reader.end());
    if (this.count === 0)
      throw new GleanerError("BAD_REQUEST", "the map has no inputs: send at least one");
    yield* this.ending();
  }

  private packed(frames: readonly Buffer[]): Buffer {
    for (const frame of frames) {
      if (this.count === this.maxInputs)
        throw new GleanerError(
          "LIMIT_REACHED",
          `the map has more than ${this.maxInputs} inputs, the site's limit (functions.maxArrayTasks): send several maps`,
        );
      this.note(this.at);
      this.at += frame.length;
      const input = inputIn(frame);
      if (isStored(input)) this.noteLarge(input);
      this.count++;
    }
    return Buffer.concat(frames);
  }

  private noteLarge(payload: StoredPayload): void {
    if (this.large.length === maxLarge)
      throw new GleanerError(
        "LIMIT_REACHED",
        `more than ${maxLarge} inputs of the map are larger than 64 KiB: send several maps, or put the data into files on a shared file system`,
      );
    this.large.push({ task: this.count, payload });
  }

  private note(offset: number): void {
    const within = this.count % blockOffsets;
    if (within === 0) this.blocks.push(new Float64Array(blockOffsets));
    this.blocks.at(-1)![within] = offset;
  }

  /** One offset more than inputs: where the last one ends. */
  private *ending(): Generator<Uint8Array> {
    for (const [number, block] of this.blocks.entries()) {
      const offsets = block.subarray(0, Math.min(blockOffsets, this.count - number * blockOffsets));
      const bytes = Buffer.allocUnsafe(offsets.length * offsetBytes);
      offsets.forEach((offset, index) => {
        bytes.writeUIntBE(offset, index * offsetBytes, offsetBytes);
      });
      yield bytes;
    }
    const last = Buffer.allocUnsafe(offsetBytes + trailerBytes);
    last.writeUIntBE(this.at, 0, offsetBytes);
    last.writeUIntBE(this.at, offsetBytes, offsetBytes);
    last.writeUIntBE(this.count, 2 * offsetBytes, offsetBytes);
    yield last;
  }
}
