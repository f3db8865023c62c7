// Checks what programs pass to the SDK, so that a mistake is told in one sentence before anything
// is sent.

import { GleanerError } from "../../model/errors.js";
import { nearest } from "../../model/nearest.js";
import type { Inputs } from "./payloads.js";

/** What a value has to be. */
export interface Expectation {
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
}

const maxTimeMs = 2 ** 31 - 1;
const isWithin = (value: unknown, least: number, most: number): boolean =>
  typeof value === "number" && value >= least && value <= most;

export const whole = (least: number, most: number): Expectation => ({
  expected: `a whole number from ${least} to ${most}`,
  accepts: (value) => Number.isInteger(value) && isWithin(value, least, most),
});

export const oneOf = (...words: readonly string[]): Expectation => ({
  expected: words.map((word) => `"${word}"`).join(" or "),
  accepts: (value) => words.some((word) => word === value),
});

/** May be a fraction, as differences of clocks are. */
export const timeMs: Expectation = {
  expected: `a number of milliseconds above 0, at most ${maxTimeMs}`,
  accepts: (value) => isWithin(value, Number.MIN_VALUE, maxTimeMs),
};

/** For whoever wants no limit, too. */
export const countOrMore: Expectation = {
  expected: "a whole number from 1, or Infinity",
  accepts: (value) => value === Number.POSITIVE_INFINITY || whole(1, 2 ** 53).accepts(value),
};

export const signal: Expectation = {
  expected: "an AbortSignal",
  accepts: (value) => value instanceof AbortSignal,
};

export const callback: Expectation = {
  expected: "a function that is called",
  accepts: (value) => typeof value === "function",
};

export const text: Expectation = {
  expected: "a string",
  accepts: (value) => typeof value === "string" && value !== "",
};

const uuidShape = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
export const uuid: Expectation = {
  expected: "a UUID",
  accepts: (value) => typeof value === "string" && uuidShape.test(value),
};

const callIdShape = /^[0-9]{1,10}(?:_[0-9]{1,10})?$/;

/** Throws BAD_REQUEST. */
function checkValue(name: string, value: unknown, { expected, accepts }: Expectation): void {
  if (!accepts(value)) throw invalid(name, value, expected);
}

export function checkFunction(name: unknown): void {
  if (!text.accepts(name)) throw invalid("function", name, "the name of a function");
}

export function checkCallId(id: unknown): void {
  if (typeof id !== "string" || !callIdShape.test(id))
    throw invalid("id", id, 'the id of a call, such as "42" or "42_7"');
}

export function checkInputs(inputs: unknown): asserts inputs is Inputs {
  const { [Symbol.iterator]: each, [Symbol.asyncIterator]: eachLater } = Object(inputs);
  if (typeof each !== "function" && typeof eachLater !== "function")
    throw invalid("inputs", inputs, "an array, or another iterable");
}

/** `known` names all options of `method`; those that are undefined are omitted. */
export function checkOptions(
  method: string,
  options: unknown,
  known: Readonly<Record<string, Expectation>>,
): void {
  if (options === undefined) return;
  const names = Object.keys(known);
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw invalid(`options of ${method}()`, options, `an object with ${names.join(", ")}`);
  for (const [name, value] of Object.entries(options)) {
    const expectation = Object.hasOwn(known, name) ? known[name] : undefined;
    if (expectation === undefined) {
      const hint = `did you mean ${nearest(name, names)}? ${method}() has ${names.join(", ")}`;
      throw new GleanerError("BAD_REQUEST", `unknown option ${name}: ${hint}`);
    }
    if (value !== undefined) checkValue(name, value, expectation);
  }
}

const invalid = (name: string, value: unknown, expected: string): GleanerError =>
  new GleanerError("BAD_REQUEST", `invalid ${name} ${shown(value)}: expected ${expected}`);

const maxShown = 60;

/** Short, and without calling anything of the value. */
function shown(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > maxShown ? `${value.slice(0, maxShown)}…` : value);
  if (typeof value === "function") return "(a function)";
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value) ? "(an array)" : "(an object)";
}
