// Reads the directives of a script, `#GLEAN` and `#SBATCH` lines, as sbatch reads its own. Pure.

import { type OptionShape, parseOptions } from "./getopt.js";

export type DirectiveKind = "GLEAN" | "SBATCH";

/** One option of a directive; `where` is `job.sh:3: #SBATCH --mem`, for error messages. */
export interface Directive {
  readonly kind: DirectiveKind;
  readonly option: string;
  readonly value: string;
  readonly where: string;
}

export interface Directives {
  readonly known: readonly Directive[];
  /** What cannot be read, each with file and line. */
  readonly problems: readonly string[];
}

/**
 * Returns all directives before the first line that is neither blank nor a comment, in the order
 * of the script. As sbatch does, it reads `#SLURM` for `#SBATCH`, and needs no space behind it.
 */
export function readDirectives(
  script: string,
  file: string,
  shapes: Readonly<Record<DirectiveKind, readonly OptionShape[]>>,
): Directives {
  const known: Directive[] = [];
  const problems: string[] = [];
  let lineNumber = 0;
  for (const line of headLines(script)) {
    lineNumber++;
    const match = /^#(GLEAN(?=[ \t]|$)|SBATCH|SLURM)(.*)$/s.exec(line);
    if (match === null) continue;
    const place = `${file}:${lineNumber}: #${match[1]}`;
    const kind = match[1] === "GLEAN" ? "GLEAN" : "SBATCH";
    const text = match[2]!;
    if (/^\s*(het|pack)job(\s|$)/i.test(text)) {
      problems.push(
        `${place} hetjob: a function runs on one node: submit the script with Slurm's sbatch`,
      );
      continue;
    }
    const words = splitWords(text);
    if (words === null) {
      problems.push(`${place}: unclosed quote: close it`);
      continue;
    }
    const parsed = parseOptions(words, shapes[kind]);
    for (const { shape, text: option, value } of parsed.found)
      known.push({ kind, option: shape.name, value, where: `${place} ${option}` });
    problems.push(...parsed.problems.map((problem) => `${place} ${problem}`));
    if (parsed.rest.length > 0)
      problems.push(
        `${place} ${parsed.rest[0]!.slice(0, 60)}: not an option: begin options with - or --, and quote values that contain spaces`,
      );
  }
  return { known, problems };
}

/** The lines in which sbatch looks for directives: comments and blank lines at the top. */
function* headLines(script: string): Generator<string> {
  for (let start = 0; start < script.length; ) {
    const newline = script.indexOf("\n", start);
    const end = newline < 0 ? script.length : newline;
    const line = script.slice(start, end);
    if (!/^[ \t\v\f\r]*(#|$)/.test(line)) return;
    yield line;
    start = end + 1;
  }
}

/** C's; a no-break space, which browsers and word processors leave, belongs to a word. */
const isBlank = (character: string): boolean => " \t\n\v\f\r".includes(character);

/**
 * Splits as sbatch does: a shell's quotes and no expansion, but a backslash escapes within both
 * kinds of quotes, escapes no space outside of them, and an unquoted `#` starts a comment anywhere.
 * The line ends at its first empty word, as `""` or the backslash of a line that a shell would
 * continue. null: a quote is not closed.
 */
export function splitWords(text: string): string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let quote: string | null = null;
  for (let index = 0; index < text.length; index++) {
    const each = text[index]!;
    if (quote === null && isBlank(each)) {
      if (word === "") return words;
      if (word !== null) words.push(word);
      word = null;
    } else if (each === "\\") {
      const escaped = text[index + 1] ?? " ";
      word ??= "";
      if (quote === null && isBlank(escaped)) continue;
      word += escaped;
      index++;
    } else if (each === quote) quote = null;
    else if (quote === null && (each === '"' || each === "'")) {
      quote = each;
      word ??= "";
    } else if (quote === null && each === "#") break;
    else word = (word ?? "") + each;
  }
  if (quote !== null) return null;
  if (word !== null && word !== "") words.push(word);
  return words;
}
