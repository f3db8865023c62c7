// `glean explain`: says why an invocation waits, a node is unused or idle cores run nothing.

import { GleanerError } from "../../../model/errors.js";
import type { UnusedCores } from "../../../model/records/idle.js";
import { maxWordLength } from "../../../sdk/index.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { type Column, json, print, printable, table } from "../../output.js";
import { parseId, quoted } from "../../values.js";

const help = `
Examples:
  glean explain 42                       why 42 waits, or how it went
  glean explain n1                       why node n1 is unused
  glean explain hole                     the idle cores that run nothing now, and why`;

export const define: Define = (command, run) => {
  command
    .argument("<what>", "an id (42, 42_7), a node, or the word hole")
    .argument("[node]", "after hole: only this node")
    .option("--json", "one JSON document")
    .addHelpText("after", help)
    .action(run(explain));
};

async function explain(
  context: Context,
  given: string,
  node: string | undefined,
  options: { json?: boolean },
): Promise<number> {
  // As lists show the tasks that wait, with the most that run at once: 5_[3%1].
  const what = /^\d+_\[/.test(given) ? parseId(given.replace(/%\d+\]$/, "]")) : given;
  checkWord(what, "is neither an id nor a node: name one of them");
  if (what === "hole") return explainHoles(context, node, options);
  if (node !== undefined)
    throw new GleanerError(
      "BAD_REQUEST",
      `unexpected argument ${quoted(node)}: name one id or one node, or write hole NODE`,
    );
  const answer = await (await context.client()).explain(what);
  if (options.json) print(json(answer));
  else print(answer.lines.map((line) => `${printable(line)}\n`).join(""));
  return exitStatus.done;
}

async function explainHoles(
  context: Context,
  node: string | undefined,
  options: { json?: boolean },
): Promise<number> {
  if (node !== undefined) checkWord(node, "is not a node: name one, or omit it for all nodes");
  const answer = await (await context.client()).holes(node);
  const { idleCores, holes } = answer;
  if (options.json) print(json(answer));
  else if (holes.length > 0) print(table(holes, columns, true));
  else if (idleCores === 0) print("No core is idle: batch jobs hold all of them.\n");
  else
    print(
      `No idle core is unused: functions run on ${idleCores === 1 ? "the idle core" : `all ${idleCores} idle cores`}.\n`,
    );
  return exitStatus.done;
}

const columns: readonly Column<UnusedCores>[] = [
  { title: "NODE", text: ({ node }) => node },
  { title: "CORES", text: ({ cores }) => String(cores), right: true },
  { title: "REASON", text: ({ part }) => part },
  { title: "WHY", text: ({ why }) => why },
];

function checkWord(word: string, complaint: string): void {
  if (!/^[\w.-]+$/.test(word) || word.length > maxWordLength || /^\.+$/.test(word))
    throw new GleanerError("BAD_REQUEST", `${quoted(word)} ${complaint}`);
}
