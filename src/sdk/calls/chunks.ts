// Puts the inputs of a map into requests of bounded size, and reads no further than it may.

import { setTimeout as pause } from "node:timers/promises";
import { GleanerError } from "../../model/errors.js";
import type { PayloadText } from "../../wire/api/types.js";
import type { Inputs } from "./payloads.js";

/** One input with its number. */
export interface Item {
  readonly index: number;
  readonly payload: PayloadText;
}

export interface Reading {
  /** The most inputs of one request now. */
  readonly most: () => number;
  /** null if a further input may be read, else what to wait for. */
  readonly room: () => Promise<void> | null;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** An input that cannot be sent. */
  readonly refused: (index: number, error: GleanerError) => void;
  /** The input as a request has it; a large one is sent first. */
  readonly sendable: (input: unknown) => Promise<PayloadText>;
}

/** Leaves room in a request for its frame: the API takes 6 MiB. */
const maxChunkBytes = 4 * 1024 * 1024;
/** A slow source's inputs are sent after this time. */
const gatherMs = 20;

const sizeOf = ({ contentType, text, base64 = "" }: PayloadText): number =>
  contentType.length + (text === undefined ? base64.length : JSON.stringify(text).length) + 150;

/** Ends a source that is not read to its end; also when the consumer stops. */
export async function* chunksOf(inputs: Inputs, reading: Reading): AsyncGenerator<Item[]> {
  const isAsync = Symbol.asyncIterator in inputs;
  const source = isAsync ? inputs[Symbol.asyncIterator]() : inputs[Symbol.iterator]();
  let isOver = false;
  let chunk: Item[] = [];
  let bytes = 0;
  let late: Promise<null> | null = null;
  const cut = (): Item[] => {
    const made = chunk;
    [chunk, bytes, late] = [[], 0, null];
    return made;
  };
  try {
    for (let index = 0; ; index++) {
      for (let room = reading.room(); room !== null; room = reading.room()) {
        if (chunk.length > 0) yield cut();
        await room;
      }
      if (reading.signal.aborted) return;
      const next = Promise.resolve(source.next());
      if (isAsync && chunk.length > 0) {
        late ??= pause(gatherMs, null, { ref: false });
        // Handled below, after the chunk that waits was sent.
        next.catch(() => undefined);
        if ((await Promise.race([next, late])) === null) yield cut();
      }
      const { done, value } = await next;
      if (done) break;
      const item = await itemOf(index, value, reading);
      if (item === null) continue;
      const size = sizeOf(item.payload);
      if (chunk.length > 0 && bytes + size > maxChunkBytes) yield cut();
      chunk.push(item);
      bytes += size;
      if (chunk.length >= reading.most()) yield cut();
    }
    isOver = true;
    if (chunk.length > 0) yield cut();
  } finally {
    // A source that is being read answers this only later.
    if (!isOver) void Promise.resolve(source.return?.()).catch(() => undefined);
  }
}

async function itemOf(
  index: number,
  input: unknown,
  { refused, sendable }: Reading,
): Promise<Item | null> {
  try {
    return { index, payload: await sendable(input) };
  } catch (error) {
    const isInput =
      error instanceof GleanerError && ["BAD_REQUEST", "LIMIT_REACHED"].includes(error.code);
    if (!isInput) throw error;
    refused(index, error);
    return null;
  }
}
