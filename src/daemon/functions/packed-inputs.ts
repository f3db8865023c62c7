// Reads single inputs of packed maps. Tasks begin in the order of their inputs, so a page of them
// is read at a time and kept.

import type { Payload } from "../../model/call.js";
import { GleanerError } from "../../model/errors.js";
import type { BlobHash } from "../../model/ids.js";
import { remember } from "../../model/remember.js";
import { inputIn } from "../../wire/api/input-frames.js";
import type { Blobs } from "./blobs.js";
import { offsetBytes, trailerBytes } from "./packing.js";

/** Inputs of a page, if they are small. */
const pageInputs = 256;
const maxPageBytes = 1024 * 1024;
/** Over all maps: the maps that run at present, with some pages each. */
const keptPages = 32;

interface Page {
  readonly first: number;
  readonly inputs: readonly Payload[];
}

export class PackedInputs {
  private readonly pages = new Map<string, Promise<Page>>();

  constructor(private readonly blobs: Pick<Blobs, "read" | "sizeOf">) {}

  /** The input of a task; a large one lacks its size. Rejects with STORE if the content is gone. */
  async read(sha256: BlobHash, task: number): Promise<Payload> {
    const first = task - (task % pageInputs);
    const page = await this.pageAt(sha256, first);
    const input = page.inputs[task - first];
    // A page of large inputs ends early.
    return input ?? (await this.load(sha256, task, 1)).inputs[0]!;
  }

  private pageAt(sha256: BlobHash, first: number): Promise<Page> {
    const key = `${sha256}/${first}`;
    const known = this.pages.get(key);
    if (known !== undefined) return known;
    const page = this.load(sha256, first, pageInputs);
    page.catch(() => this.pages.delete(key));
    remember(this.pages, key, page, keptPages);
    return page;
  }

  private async load(sha256: BlobHash, first: number, most: number): Promise<Page> {
    const size = await this.blobs.sizeOf(sha256);
    const trailer = await this.bytesOf(sha256, size - trailerBytes, trailerBytes);
    const table = trailer.readUIntBE(0, offsetBytes);
    const count = trailer.readUIntBE(offsetBytes, offsetBytes);
    if (first >= count)
      throw new GleanerError(
        "STORE",
        `the content ${sha256} has ${count} inputs, not ${first + 1}`,
      );
    const wanted = Math.min(most, count - first);
    const offsets = await this.bytesOf(
      sha256,
      table + first * offsetBytes,
      (wanted + 1) * offsetBytes,
    );
    const at = (index: number) => offsets.readUIntBE(index * offsetBytes, offsetBytes);
    let length = 1;
    while (length < wanted && at(length + 1) - at(0) <= maxPageBytes) length++;
    const frames = await this.bytesOf(sha256, at(0), at(length) - at(0));
    const inputs = Array.from({ length }, (_, index) =>
      inputIn(frames.subarray(at(index) - at(0), at(index + 1) - at(0))),
    );
    return { first, inputs };
  }

  private async bytesOf(sha256: BlobHash, offset: number, bytes: number): Promise<Buffer> {
    const part = await this.blobs.read(sha256, offset, bytes);
    return Buffer.from(part.buffer, part.byteOffset, part.byteLength);
  }
}
