// `glean update`: changes the time limit, the schedule or the name of what has not ended, as
// scontrol does.

import { type Context, type Define, exitStatus } from "../../context.js";
import { complain } from "../../output.js";
import { updateAll } from "../../slurm/updating.js";

const help = `
Fields: TimeLimit, StartTime, Deadline, Dependency, ArrayTaskThrottle, JobName, Comment
What runs can get another name, comment and time limit, which only operators may raise.

Examples:
  glean update 42 TimeLimit=2:00:00
  glean update 42,43 StartTime=18:00 Comment="after the meeting"
  glean update 42 Dependency= ArrayTaskThrottle=4`;

export const define: Define = (command, run) => {
  command
    .argument("<ids>", "42,43; of an array, all tasks change")
    .argument("<changes...>", "FIELD=VALUE, with the fields of scontrol update")
    .addHelpText("after", help)
    .action(run(update));
};

async function update(context: Context, ids: string, changes: string[]): Promise<number> {
  const problems = await updateAll(await context.client(), ids, changes);
  for (const problem of problems) complain(problem);
  return problems.length > 0 ? exitStatus.failed : exitStatus.done;
}
