// The few man(7) macros that the manual pages need, with their texts escaped.

/** Text of a paragraph: `code` becomes bold. */
export const text = (words: string): string =>
  words
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith("`") ? bold(part.slice(1, -1)) : escaped(part)))
    .join("")
    .replace(/^(?=[.'])/gm, "\\&");

export const bold = (words: string): string => `\\fB${escaped(words)}\\fR`;

const escaped = (words: string): string =>
  words
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(
      /[^\n -~]/gu,
      (sign) => `\\[u${sign.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`,
    );

/** Macros are parsed line by line, so a heading must not contain a line break. */
export const section = (title: string): string => `.SH ${title.toUpperCase()}`;

export const subsection = (title: string): string => `.SS ${escaped(title)}`;

export const paragraph = (words: string): string => `.PP\n${text(words)}`;

/** A term and, indented below it, its meaning. */
export const item = (term: string, words: string): string => `.TP\n${bold(term)}\n${text(words)}`;

/** Lines that stay as they are. */
export const verbatim = (lines: string): string =>
  `.PP\n.nf\n${escaped(lines).replace(/^(?=[.'])/gm, "\\&")}\n.fi`;

export interface Title {
  readonly name: string;
  readonly chapter: 1 | 5 | 8;
  readonly version: string;
  /** The source that the page is generated from. */
  readonly origin: string;
}

export const page = ({ name, chapter, version, origin }: Title, parts: readonly string[]): string =>
  [
    `.\\" ${origin}`,
    `.TH ${name.toUpperCase()} ${chapter} "" "Gleaner ${version}" "Gleaner"`,
    ...parts,
    "",
  ].join("\n");
