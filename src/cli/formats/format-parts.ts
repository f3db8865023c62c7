// The parts of squeue's and sinfo's `-o` and `-O`: read from a format, filled and sorted.

import { GleanerError } from "../../model/errors.js";
import { nearest } from "../../model/nearest.js";
import { printable } from "../output.js";
import { quoted } from "../values.js";
import { cutTo, fill } from "../width.js";

export interface Titled {
  readonly title: string;
  /** What may go beyond its width: its texts, or its title, too. */
  readonly isWhole?: "texts" | "title and texts";
}

/** A field with its width, or text between fields. */
export type FormatPart<Field extends Titled> =
  | string
  | {
      readonly field: Field;
      /** 0: as wide as its text. */
      readonly width: number;
      readonly right: boolean;
      readonly isCut: boolean;
    };

/** Gets what is no field. If it returns, `-O` leaves that out, and `-o` takes it as text. */
export type OnUnknown = (word: string, sentence: string) => void;

const refuse: OnUnknown = (_, sentence) => {
  throw new GleanerError("BAD_REQUEST", sentence);
};

/** Reads `-o`: `%.18i %9P %T`. */
export function partsOf<Field extends Titled>(
  format: string,
  fields: Readonly<Record<string, Field>>,
  onUnknown: OnUnknown = refuse,
): FormatPart<Field>[] {
  const letters = Object.keys(fields);
  const all = format === "%all" ? letters.map((each) => `%${each}`).join("|") : format;
  // Slurm takes several % for one, and one at the end for none.
  const text = all.replaceAll(/%+/g, "%").replace(/%$/, "");
  return [...text.matchAll(/%(\.?)(\d{0,4})(\w)|[^%]+|%/g)].map(([whole, point, width, letter]) => {
    if (letter === undefined) return whole;
    const field = fields[letter];
    if (field === undefined) {
      const expected = `expected % with one of ${letters.join("")}`;
      onUnknown(letter, `-o: ${quoted(whole)} is no field here: ${expected}`);
      return whole;
    }
    return {
      field,
      width: Number(width),
      right: point === ".",
      isCut: field.isWhole === undefined,
    };
  });
}

/** Reads `-O`: `JobID:8,State:.10|`, a field, its width (if omitted, 20) and what follows it. */
export const partsNamed = <Field extends Titled>(
  format: string,
  named: ReadonlyMap<string, Field>,
  onUnknown: OnUnknown = refuse,
): FormatPart<Field>[] =>
  format.split(",").flatMap((word): FormatPart<Field>[] => {
    if (word.trim() === "") return [];
    const [, name = "", size, point, width = size === undefined ? "20" : "0", suffix = ""] =
      /^\s*([\w-]+)(:(\.?)(\d{1,4})?(.*?))?\s*$/.exec(word) ?? [];
    const field = named.get(name.toLowerCase());
    if (field === undefined) {
      const known = nearest(word.slice(0, 40), [...named.keys()]);
      onUnknown(word, `-O: no field ${quoted(word)}; did you mean ${known}?`);
      return [];
    }
    const part = { field, width: Number(width), right: point === ".", isCut: true };
    return suffix === "" ? [part] : [part, suffix];
  });

/** The line of titles. */
export const titlesOf = <Field extends Titled>(parts: readonly FormatPart<Field>[]): string =>
  rowOf(
    parts.map((part) =>
      typeof part !== "string" && part.field.isWhole === "texts" ? { ...part, isCut: true } : part,
    ),
    ({ title }) => title,
  );

/** One line of these parts, without its end. */
export const rowOf = <Field extends Titled>(
  parts: readonly FormatPart<Field>[],
  textOf: (field: Field) => string,
): string =>
  parts
    .map((part) => {
      if (typeof part === "string") return part;
      const { width, right, isCut } = part;
      const text = printable(textOf(part.field));
      return width === 0 ? text : fill(isCut ? cutTo(text, width) : text, width, right);
    })
    .join("");

/**
 * For `--sort`, as in `P,-t`: compares by the fields of these letters, numbers by their size; 0 if
 * there are none. Throws BAD_REQUEST for another letter.
 */
export function comparing<Field extends Titled, Item>(
  keys: string,
  fields: Readonly<Record<string, Field>>,
  textOf: (field: Field, item: Item) => string,
): (left: Item, right: Item) => number {
  const order = [...keys.matchAll(/([+-]?)([^\s,])/g)].map(([, sign, letter]) => {
    const field = fields[letter!];
    if (field === undefined)
      throw new GleanerError(
        "BAD_REQUEST",
        `Invalid sort specification: ${letter}: expected some of ${Object.keys(fields).join("")}`,
      );
    return { field, factor: sign === "-" ? -1 : 1 };
  });
  return (left, right) => {
    for (const { field, factor } of order) {
      const texts = [textOf(field, left), textOf(field, right)] as const;
      const difference = texts[0].localeCompare(texts[1], "en", { numeric: true });
      if (difference !== 0) return factor * difference;
    }
    return 0;
  };
}
