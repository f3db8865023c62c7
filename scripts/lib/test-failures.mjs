// What failed, repeated at the end of a run: of a long one often only the last lines are kept.

import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** Enough for what was expected and what came instead. */
const shownErrorLines = 12;
const shownErrorColumns = 200;

/**
 * Each failed test of what jest wrote with --json, and each file that could not be run, with the
 * first lines of its error. Paths are relative to `root`.
 */
export function failuresIn({ testResults }, root) {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(root, name);
    const failed = assertionResults.filter((test) => test.status === "failed");
    if (failed.length === 0 && status === "failed") return [`${file}\n${beginning(message)}`];
    return failed.map(
      ({ fullName, failureMessages }) =>
        `${file}: ${fullName}\n${beginning(failureMessages.join("\n"))}`,
    );
  });
}

function beginning(text) {
  const lines = stripVTControlCharacters(text)
    .split("\n")
    .filter((line) => line.trim() !== "");
  return lines
    .slice(0, shownErrorLines)
    .map((line) => `    ${line.slice(0, shownErrorColumns)}`)
    .join("\n");
}
