// Reads options as getopt_long does, which sbatch uses: unique prefixes of long names, short
// options together in one word, values in the same word or the next.

import { nearest } from "../../model/nearest.js";

/** The syntax of an option: it takes a value, an optional value after `=`, or none. */
export interface OptionShape {
  readonly name: string;
  readonly short: string | null;
  readonly takes: "value" | "optionalValue" | "nothing";
  /** The release of Slurm that added it; null: every one that is supported. */
  readonly since?: string | null;
}

export interface FoundOption {
  readonly shape: OptionShape;
  /** As it was written: `--mem`, `-n`. */
  readonly text: string;
  readonly value: string;
}

export interface Parsed {
  readonly found: readonly FoundOption[];
  /** From the first word on that is no option. */
  readonly rest: readonly string[];
  /** What is wrong, each with the option it begins with: `--mem: missing value`. */
  readonly problems: readonly string[];
}

type Match = { readonly shape: OptionShape } | { readonly problem: string };

/** `model`: the command of Slurm whose options these are. */
export function parseOptions(
  words: readonly string[],
  shapes: readonly OptionShape[],
  model = "sbatch",
): Parsed {
  const found: FoundOption[] = [];
  const problems: string[] = [];
  let at = 0;
  /** Takes the value of an option: attached, or else the next word. */
  const take = (shape: OptionShape, text: string, attached: string | null): void => {
    if (shape.takes !== "value" || attached !== null)
      found.push({ shape, text, value: attached ?? "" });
    else if (at >= words.length) problems.push(`${text}: missing value: write it after the option`);
    else found.push({ shape, text, value: words[at++]! });
  };
  while (at < words.length) {
    const word = words[at]!;
    if (!word.startsWith("-") || word === "-") break;
    at++;
    if (word === "--") break;
    if (word.startsWith("--")) {
      const equals = word.indexOf("=");
      const text = equals < 0 ? word : word.slice(0, equals);
      const value = equals < 0 ? null : word.slice(equals + 1);
      const match = findLong(text.slice(2), shapes, model);
      if ("problem" in match) problems.push(match.problem);
      else if (match.shape.takes === "nothing" && value !== null)
        problems.push(`${text}: the option takes no value: remove what follows the equals sign`);
      else take(match.shape, text, value);
    } else
      for (let letter = 1; letter < word.length; letter++) {
        const shape = shapes.find(({ short }) => short === word[letter]);
        const text = `-${word[letter]}`;
        if (shape === undefined) {
          problems.push(unknown(text, shapes, model));
          break;
        }
        const attached = word.slice(letter + 1);
        if (shape.takes === "nothing") take(shape, text, null);
        else {
          take(shape, text, attached === "" ? null : attached);
          break;
        }
      }
  }
  return { found, rest: words.slice(at), problems };
}

/** An exact name, or a prefix of one; an option that is newer makes no older prefix ambiguous. */
function findLong(name: string, shapes: readonly OptionShape[], model: string): Match {
  const exact = shapes.find((each) => each.name === name);
  if (exact !== undefined) return { shape: exact };
  const starting = name === "" ? [] : shapes.filter((each) => each.name.startsWith(name));
  const old = starting.filter(({ since }) => !since);
  const candidates = old.length > 0 ? old : starting;
  if (candidates.length === 1) return { shape: candidates[0]! };
  if (candidates.length === 0) return { problem: unknown(`--${name}`, shapes, model) };
  const names = candidates.map((each) => `--${each.name}`).join(", ");
  return { problem: `--${name}: the option is ambiguous: write one of ${names}` };
}

/** Longer words are no misspelt options; this also bounds the search for the nearest one. */
const maxShown = 40;

function unknown(text: string, shapes: readonly OptionShape[], model: string): string {
  const shown = text.slice(0, maxShown);
  const known = text.startsWith("--")
    ? shapes.map(({ name }) => `--${name}`)
    : shapes.flatMap(({ short }) => (short === null ? [] : [`-${short}`]));
  return `${shown}: ${model} has no such option; did you mean ${nearest(shown, known)}?`;
}
