// The types of values that shapes accept, made read-only; and what people read of a value that a
// shape does not accept.

import type { z } from "zod";

/** The same type with every field and list read-only. */
export type Frozen<T> = T extends string | number | boolean | null | undefined
  ? T
  : { readonly [Key in keyof T]: Frozen<T[Key]> };

export type Shaped<Shape extends z.ZodType> = Frozen<z.output<Shape>>;

/** The input of a shape, in which fields with a default may be omitted. */
export type ShapedInput<Shape extends z.ZodType> = Frozen<z.input<Shape>>;

const articles: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
  null: "null",
};

/** zod's own messages are for programmers, and begin with these words. */
const ofZod = /^(?:Invalid|Too small|Too big|Unrecognized)\b/;

/** What is wrong with a value, to be read behind its place. A shape's own message stays. */
export function complaintOf(issue: z.core.$ZodIssue): string {
  if (!ofZod.test(issue.message)) return issue.message;
  switch (issue.code) {
    case "invalid_type":
      return `expected ${articles[issue.expected] ?? issue.expected}`;
    case "too_small":
      return tooSmall(issue.origin, Number(issue.minimum));
    case "too_big":
      return tooBig(issue.origin, Number(issue.maximum));
    case "invalid_value":
      return `expected ${issue.values.map(String).join(" or ")}`;
    case "invalid_format":
      return issue.format === "uuid" ? "expected a UUID" : issue.message;
    case "unrecognized_keys":
      return `unknown key ${issue.keys.join(", ")}`;
    default:
      return issue.message;
  }
}

function tooSmall(origin: string, least: number): string {
  if (origin === "array") return `expected at least ${least}`;
  if (origin !== "string") return `expected a number of at least ${least}`;
  return least === 1 ? "expected text, and got none" : `expected at least ${least} characters`;
}

function tooBig(origin: string, most: number): string {
  if (origin === "array") return `more than ${most} were given: give fewer at a time`;
  if (origin === "string")
    return `longer than ${most} characters: shorten it, or give less at a time`;
  return `expected a number of at most ${most}`;
}
