// Rules for pages: lines that fit a screen, links that lead somewhere, and none of the phrases that
// readers stumble over.

import { posix } from "node:path";
import { type Complaint, complain, type Source } from "./source.js";

export const maxColumns = 100;

/** A phrase, and how to say it instead. */
export type Phrase = readonly [RegExp, string];

export const isPage = ({ path }: Source): boolean => path.endsWith(".md");

interface Line {
  readonly text: string;
  readonly number: number;
  readonly isTable: boolean;
}

/** The lines outside of code blocks, with their numbers from 1. */
function linesOf({ text }: Source): Line[] {
  let inCode = false;
  return text.split("\n").flatMap((line, index) => {
    const isFence = /^\s*```/.test(line);
    if (isFence) inCode = !inCode;
    if (isFence || inCode || /^ {4}\S/.test(line)) return [];
    return [{ text: line, number: index + 1, isTable: /^\s*\|/.test(line) }];
  });
}

/**
 * Prose is wrapped; a table's row, an image and a line that cannot be broken are as long as they
 * are.
 */
export function checkColumns(source: Source): Complaint[] {
  return linesOf(source)
    .filter(({ text, isTable }) => text.length > maxColumns && !isTable && isBreakable(text))
    .map(({ text, number }) =>
      complain(source, number, `has ${text.length} columns: wrap it at ${maxColumns}`),
    );
}

/** `code` is not broken, and neither is what a link leads to. */
const isBreakable = (text: string): boolean =>
  !/^(!\[|<!--)/.test(text) &&
  / \S/.test(
    text
      .trim()
      .replace(/^([-*]|\d+\.) +/, "")
      .replace(/`[^`]*`/g, (code) => code.replaceAll(" ", "_"))
      .slice(0, maxColumns),
  );

/** Phrases that were written once, and how to say it instead. Only ever add. */
export const stumbles: readonly Phrase[] = [
  [/\bfor so long\b/, "name the duration: for this time"],
  [/\bever less often\b/, "write: with exponential backoff, or: at longer and longer intervals"],
  [/\bbelieved? nothing\b/, "write: untrusted"],
  [/\bcounts as no try\b/, "write: does not count as a try"],
  [/\bletter by letter\b/, "write: character for character"],
  [/\bpassed over\b/, "write: ignored"],
  [/\bmet a bug\b/, "write: internal error"],
  [/\bReal (is|are) (all|every)\b/, "put the subject first"],
  [/\b1 (invocation|node|core|job|executor|attempt|task)s\b/, "1 of them is singular"],
  [/\b(once|twice) more\b(?! than)/, "write: again"],
  [/(^|[.:;] )Of (?!course)(?=[a-z`])/, "put the subject first: not 'Of x the y is …'"],
  [/\b(one|those|he|she) who is not\b/i, "name who it is"],
  [/\b(foretell|suffering|sightings|stillness|turnstile)/i, "use the field's term (HACKING.md)"],
  [/\b(is|are) told apart\b(?! by| in|,| with)/, "name who tells them apart"],
  [/\bwhat is more\b/i, "write: also"],
];

/** Advice on each phrase in a line; `code` in it, such as commands and their output, is ignored. */
export const advise = (text: string, phrases: readonly Phrase[]): string[] =>
  phrases
    .filter(([phrase]) => phrase.test(text.replace(/`[^`]*`/g, "`")))
    .map(([phrase, advice]) => `"${phrase.exec(text)?.[0].trim() ?? ""}": ${advice}`);

export function checkWords(source: Source): Complaint[] {
  return linesOf(source).flatMap(({ text, number }) =>
    advise(text, stumbles).map((advice) => complain(source, number, advice)),
  );
}

/** Links of one page to files of the tree and to headings of pages. */
export function checkLinks(source: Source, tree: readonly Source[]): Complaint[] {
  const paths = new Set(tree.map(({ path }) => path));
  const isFolder = (path: string) => tree.some((each) => each.path.startsWith(`${path}/`));
  return linesOf(source).flatMap(({ text, number }) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target]) => {
      if (/^[a-z]+:/.test(target!)) return [];
      const [file = "", heading] = target!.split("#");
      const path =
        file === "" ? source.path : posix.join(posix.dirname(source.path), decodeURI(file));
      if (!paths.has(path) && !isFolder(path))
        return [complain(source, number, `links to ${target}, which does not exist`)];
      if (heading === undefined) return [];
      const page = tree.find((each) => each.path === path);
      return page !== undefined && headingsOf(page).has(heading)
        ? []
        : [complain(source, number, `links to ${target}, a heading that does not exist`)];
    }),
  );
}

/** As GitHub names them. */
const headingsOf = (source: Source): ReadonlySet<string> =>
  new Set(
    linesOf(source)
      .filter(({ text }) => /^#{1,6} /.test(text))
      .map(({ text }) =>
        text
          .replace(/^#+ /, "")
          .toLowerCase()
          .replace(/[^\p{L}\p{N}\s_-]/gu, "")
          .trim()
          .replaceAll(" ", "-"),
      ),
  );
