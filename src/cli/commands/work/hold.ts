// `glean hold` and `glean release`: keep what waits from starting, and let it start again, as
// scontrol does.

import { type Context, type Define, exitStatus } from "../../context.js";
import { complain } from "../../output.js";
import { parseIds } from "../../values.js";

/** The same command both ways. */
export const changesHold =
  (held: boolean): Define =>
  (command, run) => {
    command
      .argument("<ids...>", "42,43; 42 for all of an array, 42_7 for one of its tasks")
      .addHelpText("after", help)
      .action(run((context: Context, ids: string[]) => changeHold(context, ids, held)));
  };

const help = `
Examples:
  glean hold 42 43_7
  glean release 42 43_7`;

export const define: Define = changesHold(true);

async function changeHold(context: Context, given: string[], held: boolean): Promise<number> {
  const ids = parseIds(given);
  const { problems } = await (await context.client()).hold({ ids, held });
  for (const problem of problems) complain(problem);
  return problems.length > 0 ? exitStatus.failed : exitStatus.done;
}
