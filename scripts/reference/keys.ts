// The keys of gleaner.yaml as the reference shows them, read from the schema in src/config.

import { z } from "zod";
import { schema } from "../../src/config/schema.js";

export interface Key {
  /** Within its section, such as `apiPort`. */
  readonly name: string;
  /** From the root, such as `listen.apiPort`. */
  readonly path: string;
  readonly description: string;
  /** null for a section. */
  readonly type: string | null;
  /** undefined for a section, and for a required key. */
  readonly fallback: unknown;
  /** The keys of a section, or of the mapping that the value may be. */
  readonly keys: readonly Key[];
}

/** The part of z.toJSONSchema's result that the configuration uses. */
interface Shape {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly properties?: Readonly<Record<string, Shape>>;
}

export function readKeys(): Key[] {
  return keysOf(z.toJSONSchema(schema, { io: "input" }) as Shape, "");
}

function keysOf({ properties = {} }: Shape, prefix: string): Key[] {
  return Object.entries(properties).map(([name, shape]) => {
    const path = `${prefix}${name}`;
    const { description } = shape;
    if (description === undefined) throw new Error(`${path} has no description in src/config`);
    const isSection = shape.properties !== undefined;
    const mapping = isSection ? shape : shape.anyOf?.find((one) => one.properties !== undefined);
    return {
      name,
      path,
      description,
      type: isSection ? null : typeOf(shape),
      fallback: isSection ? undefined : shape.default,
      keys: mapping === undefined ? [] : keysOf(mapping, `${path}.`),
    };
  });
}

function typeOf(shape: Shape): string {
  if (shape.anyOf !== undefined) return shape.anyOf.map(typeOf).join(" or ");
  if (shape.enum !== undefined) return listed(shape.enum.map((word) => `\`${word}\``));
  if (shape.type === "array") {
    const most = shape.maxItems === undefined ? "" : `, at most ${shape.maxItems}`;
    return `list (${typeOf(shape.items!)}${most})`;
  }
  if (shape.type === "boolean") return "`true` or `false`";
  if (shape.type === "object") return "mapping";
  if (shape.type === "null") return "`null`";
  const { title = shape.type === "integer" ? "whole number" : "text" } = shape;
  return shape.type === "integer" ? `${title}${rangeOf(shape)}` : title;
}

/** Bounds that matter to a reader; those of JavaScript's own numbers are omitted. */
function rangeOf({ title, minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: Shape): string {
  if (title === "port" || title === "percent") return "";
  if (maximum < 2 ** 31 - 1) return `, ${minimum} to ${maximum}`;
  return minimum === 0 ? "" : `, at least ${minimum}`;
}

function listed(words: readonly string[]): string {
  return words.length < 2
    ? words.join("")
    : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;
}

const counted = (count: number, unit: string): string =>
  `${count} ${unit === "day" && count !== 1 ? "days" : unit}`;

/** `5000` as `5 s`; null if the key holds no duration or nobody would write it otherwise. */
export function durationOf({ name, fallback }: Key): string | null {
  if (!name.endsWith("Ms") || typeof fallback !== "number" || fallback < 1_000) return null;
  const units = [
    ["day", 86_400_000],
    ["h", 3_600_000],
    ["min", 60_000],
    ["s", 1_000],
  ] as const;
  const unit = units.find(([, ms]) => fallback % ms === 0);
  return unit === undefined ? null : counted(fallback / unit[1], unit[0]);
}
