// Small checks that turn an unknown value into a typed one: bounded, without a library, and fast to
// load.

import { GleanerError } from "../model/errors.js";

/** Returns the value (with its known fields only) or throws PROTOCOL with `at`, the wrong place. */
export type Check<T> = (value: unknown, at: string) => T;

function wrong(at: string, wanted: string): never {
  throw new GleanerError("PROTOCOL", `${at} must be ${wanted}`);
}

/** A whole number that JavaScript represents exactly. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Check<number> {
  return (value, at) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
      ? (value as number)
      : wrong(at, `a whole number from ${min} to ${max}`);
}

export function text(maxLength: number): Check<string> {
  return (value, at) =>
    typeof value === "string" && value.length <= maxLength
      ? value
      : wrong(at, `text of at most ${maxLength} characters`);
}

/** A node's text for people to read: characters that a terminal would interpret become spaces. */
export function sentence(maxLength: number): Check<string> {
  const check = text(maxLength);
  return (value, at) => check(value, at).replace(/\p{C}/gu, " ");
}

/** The expression must limit the length. */
export function pattern(expression: RegExp): Check<string> {
  return (value, at) =>
    typeof value === "string" && expression.test(value) ? value : wrong(at, `like ${expression}`);
}

export function bytes(maxBytes: number): Check<Uint8Array> {
  return (value, at) =>
    value instanceof Uint8Array && value.length <= maxBytes
      ? value
      : wrong(at, `at most ${maxBytes} bytes`);
}

export const truth: Check<boolean> = (value, at) =>
  typeof value === "boolean" ? value : wrong(at, "true or false");

export function oneOf<const T extends string>(...allowed: readonly T[]): Check<T> {
  return (value, at) => allowed.find((each) => each === value) ?? wrong(at, allowed.join(" or "));
}

export function orNull<T>(check: Check<T>): Check<T | null> {
  return (value, at) => (value === null ? null : check(value, at));
}

/** For a field that a sender may omit. */
export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value, at) => (value === undefined ? undefined : check(value, at));
}

export function list<T>(item: Check<T>, maxItems: number): Check<readonly T[]> {
  return (value, at) =>
    Array.isArray(value) && value.length <= maxItems
      ? value.map((each, index) => item(each, `${at}[${index}]`))
      : wrong(at, `a list of at most ${maxItems} items`);
}

export function record<T>(item: Check<T>, maxItems: number): Check<Readonly<Record<string, T>>> {
  return (value, at) => {
    const entries = Object.entries(asObject(value, at));
    if (entries.length > maxItems) wrong(at, `an object of at most ${maxItems} keys`);
    return Object.fromEntries(entries.map(([key, each]) => [key, item(each, `${at}.${key}`)]));
  };
}

export function object<T extends object>(
  fields: { readonly [K in keyof T]-?: Check<T[K]> | Check<T[K] | undefined> },
): Check<T> {
  const checks = Object.entries(fields) as [string, Check<unknown>][];
  return (value, at) => {
    const from = asObject(value, at);
    const checked: Record<string, unknown> = {};
    for (const [key, check] of checks) {
      const field = check(from[key], `${at}.${key}`);
      if (field !== undefined) checked[key] = field;
    }
    return checked as T;
  };
}

/** A union distinguished by the text in its field `tag`. */
export function tagged<T>(tag: string, kinds: Readonly<Record<string, Check<T>>>): Check<T> {
  return (value, at) => {
    const kind = asObject(value, at)[tag];
    if (typeof kind !== "string" || !Object.hasOwn(kinds, kind))
      return wrong(`${at}.${tag}`, Object.keys(kinds).join(" or "));
    return kinds[kind]!(value, at);
  };
}

function asObject(value: unknown, at: string): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : wrong(at, "an object");
}
