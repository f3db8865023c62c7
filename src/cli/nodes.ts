// Nodes on the command line of drain and resume, and what became of them.

import { GleanerError } from "../model/errors.js";
import { type DrainAnswer, maxHostListLength, maxNamedNodes } from "../sdk/index.js";
import { complain, json, print } from "./output.js";
import { quoted } from "./values.js";

/** Names or host lists as they are: the daemon, which knows the nodes, expands them. */
export function nodesOf(words: readonly string[]): string[] {
  for (const word of words)
    if (!/^[\w.,[\]-]+$/.test(word) || word.length > maxHostListLength)
      throw new GleanerError("BAD_REQUEST", `${quoted(word)} is no node: write n1, n[1-3] or all`);
  if (words.length > maxNamedNodes)
    throw new GleanerError(
      "BAD_REQUEST",
      `more than ${maxNamedNodes} nodes were named: write them as host lists, like n[1-2000]`,
    );
  return [...words];
}

/** Prints the answer; whether all went well. */
export function tell(answer: DrainAnswer, options: { json?: boolean }): boolean {
  if (options.json) print(json(answer));
  else for (const problem of answer.problems) complain(problem);
  return answer.problems.length === 0;
}
