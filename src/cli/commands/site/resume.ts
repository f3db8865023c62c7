// `glean resume`: allows functions on drained nodes again.

import { type Define, exitStatus } from "../../context.js";
import { nodesOf, tell } from "../../nodes.js";

export const define: Define = (command, run) => {
  command
    .argument("<nodes...>", "n1, n[1-3] or all")
    .option("--json", "one JSON document")
    .addHelpText("after", "\nExamples:\n  glean resume n[1-3]\n  glean resume all")
    .action(
      run(async (context, words: string[], options: { json?: boolean }) => {
        const request = { nodes: nodesOf(words), now: false };
        const isDone = tell(await (await context.client()).resume(request), options);
        return isDone ? exitStatus.done : exitStatus.failed;
      }),
    );
};
