// Reads the nodes on the command line of drain and resume, and prints the result for each.

import { GleanerError } from "../model/errors.js";
import { type DrainAnswer, maxHostListLength, maxNamedNodes } from "../sdk/index.js";
import { complain, json, print } from "./output.js";
import { quoted } from "./values.js";

/** Passes host lists unexpanded: only the daemon knows the nodes. */
export function nodesOf(words: readonly string[]): string[] {
  for (const word of words)
    if (!/^[\w.,[\]-]+$/.test(word) || word.length > maxHostListLength)
      throw new GleanerError(
        "BAD_REQUEST",
        `invalid node ${quoted(word)}: expected n1, n[1-3] or all`,
      );
  if (words.length > maxNamedNodes)
    throw new GleanerError(
      "BAD_REQUEST",
      `more than ${maxNamedNodes} nodes named: write them as host lists, such as n[1-2000]`,
    );
  return [...words];
}

/** Prints the answer; returns whether all nodes were found. */
export function tell(answer: DrainAnswer, options: { json?: boolean }): boolean {
  if (options.json) print(json(answer));
  else for (const problem of answer.problems) complain(problem);
  return answer.problems.length === 0;
}
