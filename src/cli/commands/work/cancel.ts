// `glean cancel`: cancels invocations, as scancel does.

import { GleanerError } from "../../../model/errors.js";
import { maxNamedIds } from "../../../sdk/index.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { chosenUser, parseStates } from "../../filters.js";
import { complain, json, print } from "../../output.js";
import { parseIds } from "../../values.js";

/** More do not fit on a command line. */
const mostIds = 1_000_000;

interface Options {
  readonly user?: string;
  readonly me?: boolean;
  readonly state?: string;
  readonly name?: string;
  readonly json?: boolean;
}

export const define: Define = (command, run) => {
  command
    .argument("[ids...]", "42, 42_7 or 42_[1-5]")
    .option("-u, --user <USER>", "all invocations of this user: a name or a uid")
    .option("--me", "all of your own")
    .option("-t, --state <STATE>", "only in this state: PENDING or RUNNING")
    .option("-n, --name <NAME>", "only with this name")
    .option("--json", "one JSON document")
    .addHelpText("after", "\nExamples:\n  glean cancel 42 43_7\n  glean cancel --me -t PENDING")
    .action(run(cancel));
};

async function cancel(context: Context, ids: string[], options: Options): Promise<number> {
  const { state, name } = options;
  const user = chosenUser(options);
  if (ids.length === 0 && user.user === undefined && state === undefined && name === undefined)
    throw new GleanerError("BAD_REQUEST", "nothing selected to cancel: give ids, -u, -t or -n");
  const states = state === undefined ? [] : parseStates(state, "-t").own;
  if (states.length > 1)
    throw new GleanerError("BAD_REQUEST", "-t: give one state, or omit -t for all");
  const filter = {
    ...user,
    ...(states[0] !== undefined && { state: states[0] }),
    ...(name !== undefined && { name }),
  };
  const client = await context.client();
  const answer = { cancelled: 0, problems: [] as string[] };
  for (const some of portionsOf([...new Set(parseIds(ids, mostIds))])) {
    const { cancelled, problems } = await client.cancel({ ids: some, ...filter });
    answer.cancelled += cancelled;
    answer.problems.push(...problems);
  }
  if (options.json) print(json(answer));
  else for (const problem of answer.problems) complain(problem);
  return answer.problems.length > 0 ? exitStatus.failed : exitStatus.done;
}

/** As many ids as one request may name; one empty portion if there are none. */
function* portionsOf(ids: readonly string[]): Generator<string[]> {
  for (let at = 0; at === 0 || at < ids.length; at += maxNamedIds)
    yield ids.slice(at, at + maxNamedIds);
}
