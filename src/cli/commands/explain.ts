// `glean explain`: why an invocation waits, or why a node is unused.

import { GleanerError } from "../../model/errors.js";
import { type Context, type Define, exitStatus } from "../context.js";
import { json, print, printable } from "../output.js";
import { quoted } from "../values.js";

/** A host's name at its longest. */
const maxWordLength = 255;

export const define: Define = (command, run) => {
  command
    .argument("<what>", "an id (42, 42_7) or a node")
    .option("--json", "one JSON document")
    .action(run(explain));
};

async function explain(
  context: Context,
  what: string,
  options: { json?: boolean },
): Promise<number> {
  if (!/^[\w.-]+$/.test(what) || what.length > maxWordLength || /^\.+$/.test(what))
    throw new GleanerError("BAD_REQUEST", `${quoted(what)} is no id and no node: name one of them`);
  const answer = await (await context.client()).explain(what);
  if (options.json) print(json(answer));
  else print(answer.lines.map((line) => `${printable(line)}\n`).join(""));
  return exitStatus.done;
}
