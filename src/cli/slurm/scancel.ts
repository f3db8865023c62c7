// Acts as scancel: the same options, messages and exit status, for invocations. An id that none has
// is no problem, as for scancel, unless it may be that of a job of Slurm, which goes on.

import { GleanerError } from "../../model/errors.js";
import { maxSlurmJobId } from "../../model/ids.js";
import { type Context, exitStatus } from "../context.js";
import { chosenUser } from "../filters.js";
import { complain } from "../output.js";
import { cancelChosen } from "./cancelling.js";
import { own } from "./site.js";
import { readWords } from "./words.js";

export async function scancel(context: Context, given: readonly string[]): Promise<number> {
  const words = readWords("scancel", given);
  if (words.has("interactive"))
    throw new GleanerError("BAD_REQUEST", "-i: Gleaner does not ask: omit it, or name the ids");
  const { user } = words.has("me") ? own : chosenUser(optional("user", words.get("user")));
  // An empty word, such as a variable that is not set, is a wrong id, as for scancel. If it counted
  // as no id, all would be cancelled.
  const ids = words.operands.flatMap((each) => each.trim().split(/\s+/));
  if (words.has("verbose") && !words.has("quiet"))
    for (const id of ids) complain(`Terminating job ${id}`, "scancel");
  const { problems } = await cancelChosen(
    () => context.client(),
    {
      ids,
      ...optional("user", user),
      ...optional("name", words.get("jobname") ?? words.get("name")),
      ...optional("state", words.get("state")),
      ...optional("nodelist", words.get("nodelist")),
      ...optional("account", words.get("account")),
      ...optional("partition", words.get("partition")),
      ...optional("signal", words.get("signal")),
      batch: words.has("batch"),
      full: words.has("full"),
      skipUnknown: ids.length > 0 && !ids.some((id) => Number.parseInt(id, 10) <= maxSlurmJobId),
      isForeign: ["qos", "reservation", "wckey", "cron"].some(words.has),
    },
    "No job identification provided",
  );
  if (!words.has("quiet")) for (const problem of problems) complain(`error: ${problem}`, "scancel");
  return problems.length > 0 ? exitStatus.failed : exitStatus.done;
}

const optional = <Name extends string>(
  name: Name,
  value: string | undefined,
): { [Each in Name]?: string } =>
  value === undefined ? {} : ({ [name]: value } as { [Each in Name]: string });
