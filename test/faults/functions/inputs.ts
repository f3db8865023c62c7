// What a simulated call asks of its handler, as its input says.

import { isStored, type Payload } from "../../../src/model/call.js";
import { assert } from "../../../src/model/errors.js";

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
}

/** How a worker ends with it: exit code, signal, and kills for its memory. */
export const deaths: { readonly [Does in Input["does"]]?: readonly [number, number, number] } = {
  exit: [3, 0, 0],
  crash: [0, 11, 0],
  exhaust: [0, 9, 1],
};

export const inputBytes = (input: Input): Buffer => Buffer.from(JSON.stringify(input));
export const inputIn = (bytes: Uint8Array): Input =>
  JSON.parse(Buffer.from(bytes).toString()) as Input;

/** Simulated payloads are small. */
export function bodyOf(payload: Payload): Uint8Array {
  assert(!isStored(payload), "a simulated payload travels in its message");
  return payload.body;
}
