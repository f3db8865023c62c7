// A lie for every field of every message from an executor, made from one true message of each type,
// so that none is forgotten.

import type { ExecutorMessage } from "../../../src/wire/messages.js";

/** Fields that may be left out are there as well. */
type Complete<T> = T extends Uint8Array
  ? Uint8Array
  : T extends readonly (infer Item)[]
    ? readonly Complete<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]-?: Complete<NonNullable<T[Key]>> | Extract<T[Key], null> }
      : T;

/** A message of each type with all its fields; the compiler misses what is not here. */
export type TrueMessages = {
  readonly [Type in ExecutorMessage["type"]]: Complete<Extract<ExecutorMessage, { type: Type }>>;
};

const numbers = [
  -1,
  -1e308,
  0.5,
  2 ** 31,
  Number.MAX_SAFE_INTEGER,
  2 ** 63,
  1e308,
  Number.POSITIVE_INFINITY,
  Number.NaN,
  "7",
  null,
];
const texts = ["", 7, null, "x".repeat(200_000), "\u001b[2J"];
const others = [null, 7, "x", [], {}];
/** More than any list may have, and within a frame. */
const longList = 6_000;

function liesFor(value: unknown): readonly unknown[] {
  if (typeof value === "number") return [0, value + 1, ...numbers];
  if (typeof value === "string") return texts;
  if (value instanceof Uint8Array) return [...others, Buffer.alloc(200_000)];
  if (Array.isArray(value)) return [...others, Array.from({ length: longList }, () => value[0])];
  return [...others, true, 10 ** 12];
}

/** Each with one field that is not true, or is missing. */
export function* liesOf(message: unknown, at = ""): Generator<{ at: string; lie: unknown }> {
  for (const [key, value] of Object.entries(message as object)) {
    const here = `${at}.${key}`;
    const changed = (lie: unknown) => {
      if (Array.isArray(message)) return message.map((each, i) => (String(i) === key ? lie : each));
      return { ...(message as object), [key]: lie };
    };
    for (const lie of liesFor(value)) {
      const shown = lie === null || typeof lie !== "object" ? String(lie).slice(0, 20) : "object";
      yield { at: `${here} = ${shown}`, lie: changed(lie) };
    }
    yield { at: `${here} is missing`, lie: changed(undefined) };
    if (typeof value === "object" && value !== null && !(value instanceof Uint8Array))
      for (const inner of liesOf(value, here)) yield { at: inner.at, lie: changed(inner.lie) };
  }
}
