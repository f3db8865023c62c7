// `glean hold` and `glean release`: keep what waits from starting, and let it start again, as
// scontrol does.

import { GleanerError } from "../../../model/errors.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { complain } from "../../output.js";
import { parseIds, quoted } from "../../values.js";

/** The same command both ways. */
export const changesHold =
  (held: boolean): Define =>
  (command, run) => {
    command
      .argument("<ids...>", "42, or 42,43: an array as a whole")
      .action(run((context: Context, ids: string[]) => changeHold(context, ids, held)));
  };

export const define: Define = changesHold(true);

async function changeHold(context: Context, given: string[], held: boolean): Promise<number> {
  const ids = parseIds(given);
  const task = ids.find((id) => id.includes("_"));
  if (task !== undefined)
    throw new GleanerError(
      "BAD_REQUEST",
      `${quoted(task)}: an array is held and released as a whole: name it by its number`,
    );
  const { problems } = await (await context.client()).hold({ ids, held });
  for (const problem of problems) complain(problem);
  return problems.length > 0 ? exitStatus.failed : exitStatus.done;
}
