// Reads the directives of a script, `#GLEAN` and `#SBATCH` lines, as sbatch reads its own. Pure.

import { GleanerError } from "../../model/errors.js";
import { nearest } from "../../model/nearest.js";
import { quoted } from "../values.js";

export type DirectiveKind = "GLEAN" | "SBATCH";

/** The syntax of an option: it takes a value, an optional value after `=`, or none. */
export interface OptionShape {
  readonly name: string;
  readonly short: string | null;
  readonly takes: "value" | "optionalValue" | "nothing";
}

/** One option of a directive; `where` is `job.sh:3: #SBATCH --mem`, for error messages. */
export interface Directive {
  readonly kind: DirectiveKind;
  readonly option: string;
  readonly value: string;
  readonly where: string;
}

export interface Directives {
  readonly known: readonly Directive[];
  /** Unknown #SBATCH options, perhaps of a newer Slurm. */
  readonly unknown: readonly Directive[];
}

/**
 * Returns all directives before the first line that is neither blank nor a comment, in the order
 * of the script. Throws BAD_REQUEST with file and line if a word is not an option, a value is
 * missing, or a #GLEAN option is unknown.
 */
export function readDirectives(
  script: string,
  file: string,
  shapes: Readonly<Record<DirectiveKind, readonly OptionShape[]>>,
): Directives {
  const known: Directive[] = [];
  const unknown: Directive[] = [];
  let lineNumber = 0;
  for (const line of headLines(script)) {
    lineNumber++;
    const match = /^#(GLEAN|SBATCH)(?=\s|$)(.*)$/s.exec(line);
    if (match === null) continue;
    const kind = match[1] as DirectiveKind;
    const place = `${file}:${lineNumber}: #${kind}`;
    for (const each of readOptions(splitWords(match[2]!, place), shapes[kind], place)) {
      if (each.shape !== null)
        known.push({ kind, option: each.shape.name, value: each.value, where: each.where });
      else if (kind === "GLEAN") throw unknownHere(each.text, shapes.GLEAN, place);
      else unknown.push({ kind, option: each.text, value: each.value, where: each.where });
    }
  }
  return { known, unknown };
}

/** The lines in which sbatch looks for directives: comments and blank lines at the top. */
function* headLines(script: string): Generator<string> {
  for (let start = 0; start < script.length; ) {
    const newline = script.indexOf("\n", start);
    const end = newline < 0 ? script.length : newline;
    const line = script.slice(start, end);
    const first = line.trimStart()[0];
    if (first !== undefined && first !== "#") return;
    yield line;
    start = end + 1;
  }
}

/** Splits with a shell's quotes and backslashes but no expansion; `#` starts a comment. */
export function splitWords(text: string, place: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote: string | null = null;
  for (let index = 0; index < text.length; index++) {
    const each = text[index]!;
    if (quote !== null) {
      if (each === quote) quote = null;
      else if (each === "\\" && quote === '"' && /["\\]/.test(text[index + 1] ?? ""))
        word += text[++index]!;
      else word += each;
    } else if (each === '"' || each === "'") {
      quote = each;
      word ??= "";
    } else if (each === "\\" && index + 1 < text.length) word = (word ?? "") + text[++index]!;
    else if (/\s/.test(each)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (each === "#" && word === null) break;
    else word = (word ?? "") + each;
  }
  if (quote !== null)
    throw new GleanerError("BAD_REQUEST", `${place}: unclosed quote ${quote}: close it`);
  if (word !== null) words.push(word);
  return words;
}

interface FoundOption {
  /** null if unknown. */
  readonly shape: OptionShape | null;
  readonly text: string;
  readonly value: string;
  readonly where: string;
}

function readOptions(
  words: readonly string[],
  shapes: readonly OptionShape[],
  place: string,
): FoundOption[] {
  const found: FoundOption[] = [];
  for (let index = 0; index < words.length; index++) {
    const { text, name, attached, isLong } = dissect(words[index]!, place);
    const shape = shapes.find((each) => (isLong ? each.name : each.short) === name) ?? null;
    const where = `${place} ${text}`;
    const next = words[index + 1];
    let value = attached ?? "";
    if (shape === null) {
      if (attached === null && next !== undefined && !next.startsWith("-")) index++;
    } else if (shape.takes === "value" && attached === null) {
      if (next === undefined)
        throw new GleanerError("BAD_REQUEST", `${where}: missing value: write it after the option`);
      value = next;
      index++;
    } else if (shape.takes === "nothing" && attached !== null)
      throw new GleanerError(
        "BAD_REQUEST",
        `${where}: the option takes no value: remove ${quoted(attached)}`,
      );
    found.push({ shape, text, value, where });
  }
  return found;
}

/** Splits `--mem=2G` into mem and 2G, and `-n1` into n and 1. */
function dissect(
  word: string,
  place: string,
): { text: string; name: string; attached: string | null; isLong: boolean } {
  const long = /^--([A-Za-z][\w-]{0,59})(?:=(.*))?$/s.exec(word);
  if (long !== null)
    return { text: `--${long[1]}`, name: long[1]!, attached: long[2] ?? null, isLong: true };
  const short = /^-([A-Za-z])=?(.+)?$/s.exec(word);
  if (short !== null)
    return { text: `-${short[1]}`, name: short[1]!, attached: short[2] ?? null, isLong: false };
  throw new GleanerError(
    "BAD_REQUEST",
    `${place}: ${quoted(word)} is not an option: begin options with - or --, and quote values that contain spaces`,
  );
}

function unknownHere(text: string, shapes: readonly OptionShape[], place: string): GleanerError {
  const known = shapes.map(({ name }) => `--${name}`);
  const hint = text.startsWith("--")
    ? `did you mean ${nearest(text, known)}?`
    : `expected one of ${known.join(", ")}`;
  return new GleanerError("BAD_REQUEST", `${place}: unknown option ${text}; ${hint}`);
}
