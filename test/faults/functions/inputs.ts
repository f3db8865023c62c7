// What a simulated call asks of its handler, as its input says.

import { maxInlineBytes, maxOrderedBytes } from "../../../src/model/call.js";
import { maxPieceBytes } from "../../../src/wire/call-checks.js";
import type { Chance } from "../chance.js";

export const doings = ["return", "throw", "exit", "crash", "overflow", "hang", "exhaust"] as const;

export interface Input {
  /** Its request and its number in a map: no other call has it. */
  readonly call: string;
  /**
   * Whether the handler answers, throws, exits, is killed by a signal of its own, returns too much,
   * never ends, or uses too much memory.
   */
  readonly does: (typeof doings)[number];
  readonly lastsMs: number;
  readonly prints: boolean;
  /** A result of fewer than 33 bytes has 32. */
  readonly returnsBytes: number;
}

/** Small ones travel in messages, larger ones in pieces; most of those have one piece. */
export const payloadBytes = (chance: Chance): number =>
  chance.weighted([
    [100, 0],
    [4, chance.whole(maxInlineBytes - 1, maxInlineBytes + 10_000)],
    [1, chance.whole(maxPieceBytes - 1, 2 * maxPieceBytes)],
    [0.5, chance.whole(maxOrderedBytes, maxOrderedBytes + 10_000)],
  ]);

/** How a worker ends with it: exit code, signal, and kills for its memory. */
export const deaths: { readonly [Does in Input["does"]]?: readonly [number, number, number] } = {
  exit: [3, 0, 0],
  crash: [0, 11, 0],
  exhaust: [0, 9, 1],
};

export const inputBytes = (input: Input, leastBytes = 0): Buffer =>
  Buffer.from(JSON.stringify(input).padEnd(leastBytes));
/** What does nothing but return. */
export const plainInput = (call: string): Input => ({
  ...{ call, does: "return", lastsMs: 0, prints: false, returnsBytes: 0 },
});
export const inputIn = (bytes: Uint8Array): Input =>
  JSON.parse(Buffer.from(bytes).toString()) as Input;
