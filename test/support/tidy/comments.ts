// Rules for comments and messages in programs: lines that fit, and none of the phrases that readers
// stumble over.

import { advise, maxColumns, type Phrase, stumbles } from "./pages.js";
import { type Complaint, complain, type Source } from "./source.js";

/** Phrases that are fine on a page and not in a comment or a message. Only ever add. */
const codeStumbles: readonly Phrase[] = [
  ...stumbles,
  [/\banew\b/, "write: again"],
  [/\bbut for\b/, "write: except"],
  [/\bfor ever\b/, "write: forever"],
  [/\bhears? of\b/, "name the event, or write: is notified of"],
  [/\bin vain\b/, "say what did not happen"],
  [/\bleft out\b/, "write: omitted, or: if omitted"],
  [/\blets? go of\b/, "write: releases"],
  [/\blooked at\b/, "write: checked, examined or read"],
  [/\bnow and then\b/, "write: at intervals, or: occasionally"],
  [/\breckon/, "write: calculate"],
  [/\bso (long|many)\b/, "name the duration or the number"],
  [/\bto be had\b/, "write: available"],
];

interface Line {
  readonly text: string;
  readonly number: number;
}

const isSpecial = (line: string): boolean => /^#!|biome-ignore|shellcheck|https?:/.test(line);

/** Lines that contain nothing but a comment, with tabs of eight columns. */
function commentsOf({ path, text }: Source): Line[] {
  const mark = /\.(ts|[cm]js|mts|c|h)$/.test(path)
    ? /^\s*(\/\/|\/\*|\*)/
    : /\.sql$/.test(path)
      ? /^\s*--/
      : /^\s*#/;
  return text.split("\n").flatMap((line, index) => {
    if (!mark.test(line) || isSpecial(line)) return [];
    return [{ text: line.replaceAll("\t", " ".repeat(8)), number: index + 1 }];
  });
}

export function checkCommentColumns(source: Source): Complaint[] {
  return commentsOf(source)
    .filter(({ text }) => text.length > maxColumns)
    .map(({ text, number }) =>
      complain(source, number, `has ${text.length} columns: wrap the comment at ${maxColumns}`),
    );
}

/** Strings that begin and end on one line, and have a space in them. */
const quoted = /(["'`])(?:\\.|(?!\1).)* (?:\\.|(?!\1).)*\1/g;

export function checkCodeWords(source: Source): Complaint[] {
  const comments = commentsOf(source).map(({ text, number }) => ({
    text: text.replace(/^\s*(\/\/|\/\*+|\*|#|--)\s*/, ""),
    number,
  }));
  const commented = new Set(comments.map(({ number }) => number));
  const strings = source.text.split("\n").flatMap((line, index) => {
    const number = index + 1;
    if (commented.has(number)) return [];
    return (line.match(quoted) ?? []).map((text) => ({
      text: text.slice(1, -1).replace(/\$\{[^}]*\}/g, "$"),
      number,
    }));
  });
  return [...comments, ...strings].flatMap(({ text, number }) =>
    advise(text, codeStumbles).map((advice) => complain(source, number, advice)),
  );
}
