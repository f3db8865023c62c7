// `glean drain`: keeps functions off nodes; `glean drain all` is the kill switch.

import { type Define, exitStatus } from "../../context.js";
import { nodesOf, tell } from "../../nodes.js";

export const define: Define = (command, run) => {
  command
    .argument("<nodes...>", "n1, n[1-3] or all")
    .option("--now", "kill running functions there and return them to the queue")
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      "\nExamples:\n  glean drain n[1-3]\n  glean drain all --now    stop all functions",
    )
    .action(
      run(async (context, words: string[], options: { now?: boolean; json?: boolean }) => {
        const request = { nodes: nodesOf(words), now: options.now === true };
        const isDone = tell(await (await context.client()).drain(request), options);
        return isDone ? exitStatus.done : exitStatus.failed;
      }),
    );
};
