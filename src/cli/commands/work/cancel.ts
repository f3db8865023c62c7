// `glean cancel`: cancels invocations, as scancel does.

import { type Context, type Define, exitStatus } from "../../context.js";
import { chosenUser } from "../../filters.js";
import { complain, json, print } from "../../output.js";
import { cancelChosen } from "../../slurm/cancelling.js";

interface Options {
  readonly user?: string;
  readonly me?: boolean;
  readonly state?: string;
  readonly name?: string;
  readonly nodelist?: string;
  readonly partition?: string;
  readonly account?: string;
  readonly signal?: string;
  readonly full?: boolean;
  readonly batch?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export const define: Define = (command, run) => {
  command
    .argument(
      "[ids...]",
      "42, 42_7 or 42_[1-5]; 42.0 for its tasks of srun, 42.batch for its script",
    )
    .option("-u, --user <USER>", "all invocations of this user: a name or a uid")
    .option("--me", "all of your own")
    .option("-t, --state <STATE>", "only in these states: PENDING, RUNNING")
    .option("-n, --name <NAME>", "only with this name")
    .option("-w, --nodelist <NODES>", "only what runs on these nodes: n1,n[3-5]")
    .option("-p, --partition <NAME>", "only what was submitted to this partition")
    .option("-A, --account <NAME>", "only what was submitted under this account")
    .option("-s, --signal <SIGNAL>", "send this to what srun started in scripts; KILL cancels")
    .option("-b, --batch", "send the signal, or KILL, to the script alone")
    .option("-f, --full", "send the signal to the script and to all that it started")
    .option("-Q, --quiet", "do not say what could not be cancelled")
    .option("--json", "one JSON document")
    .addHelpText(
      "after",
      "\nExamples:\n  glean cancel 42 43_7\n  glean cancel --me -t PENDING\n  glean cancel -b -s USR1 42",
    )
    .action(run(cancel));
};

async function cancel(context: Context, ids: string[], options: Options): Promise<number> {
  const { user: _, me: __, quiet = false, json: asJson, ...choice } = options;
  const answer = await cancelChosen(
    () => context.client(),
    { ids, ...choice, ...chosenUser(options), isForeign: false },
    "nothing selected to cancel: give ids, -u, -t, -n, -w, -p or -A",
  );
  if (asJson) print(json(answer));
  else if (!quiet) for (const problem of answer.problems) complain(problem);
  return answer.problems.length > 0 ? exitStatus.failed : exitStatus.done;
}
