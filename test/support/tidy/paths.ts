// The rule for paths that pages and comments name: each is a file or folder of the tree, so that a
// reader finds it after a move, too.

import { isPage } from "./pages.js";
import { type Complaint, complain, type Source } from "./source.js";

/** Pages for people who work on the program; the files that the others name are their readers'. */
const isAboutCode = ({ path }: Source): boolean =>
  /^([^/]+\.md$|docs\/(architecture\.md$|decisions\/|notes\/|reference\/))/.test(path);

/** `code` on a page: a path with a slash and an ending; one in capitals stands for any. */
const onPages = /`((?:[a-z0-9._-]+\/)+[a-z0-9._-]+\.(?:ts|mjs|c|h|py|sh|sql|md|yaml))`/g;
/** In a comment only TypeScript: Slurm's own files in C are named there, too. */
const inComments = /(?<![\w./-])((?:[\w.-]+\/)*[\w-]+\.ts)\b/g;
const comment = /^\s*(\/\/|\/\*|\*)/;

/** `paths`: those of the whole tree. */
export function checkPaths(source: Source, paths: readonly string[]): Complaint[] {
  const isOnPage = isPage(source);
  if (isOnPage ? !isAboutCode(source) : !/\.(ts|c|h)$/.test(source.path)) return [];
  const exists = (named: string) =>
    paths.some((path) => path === named || path.endsWith(`/${named}`));
  return source.text.split("\n").flatMap((line, index) => {
    if (!isOnPage && !comment.test(line)) return [];
    return [...line.matchAll(isOnPage ? onPages : inComments)]
      .map(([, named]) => named ?? "")
      .filter((named) => !exists(named.replace(/^(\.\.?\/)+/, "")))
      .map((named) => complain(source, index + 1, `names ${named}, which does not exist`));
  });
}
