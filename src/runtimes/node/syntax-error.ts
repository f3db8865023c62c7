// Where a syntax error is: node tells it of an ES module only when the error ends the process.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** node starts once for each. */
const maxChecked = 20;
const checkMs = 5_000;

/**
 * Puts file, line and source before the stack of a SyntaxError, as node prints it, if one of the
 * bundle's scripts has it. `first`: the path of the likeliest one.
 */
export function locateSyntaxError(thrown: unknown, directory: string, first: string): void {
  if (!(thrown instanceof SyntaxError) || /:\d+$/m.test(headOf(thrown.stack))) return;
  const scripts = readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.[cm]?js$/.test(name) && !/(^|\/)node_modules\//.test(name))
    .map((name) => join(directory, name))
    .filter((path) => path !== first);
  for (const path of [first, ...scripts].slice(0, maxChecked)) {
    const { stderr } = spawnSync(process.execPath, ["--check", path], {
      ...{ encoding: "utf8", timeout: checkMs, stdio: ["ignore", "ignore", "pipe"] },
    });
    const where = headOf(stderr ?? "");
    if (where === "" || !stderr.includes(`SyntaxError: ${thrown.message}`)) continue;
    thrown.stack = `${where}${thrown.stack}`;
    return;
  }
}

/** What stands before the name of the error. */
const headOf = (text = ""): string => text.slice(0, Math.max(0, text.indexOf("SyntaxError: ")));
