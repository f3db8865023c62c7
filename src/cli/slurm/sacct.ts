// Acts as sacct: the same options, output and exit status, for invocations.

import { nowMs } from "../../clock.js";
import type { Invocation } from "../../model/invocation.js";
import { type Context, exitStatus } from "../context.js";
import { chosenPeriod, listOrNone, nodesOrNone, parseStates } from "../filters.js";
import { readUnits } from "../formats/amounts.js";
import { briefFormat, fieldNames, longFormat, plainSacct, sacctTable } from "../formats/sacct.js";
import { timesOf } from "../formats/times.js";
import { newestOf } from "../newest.js";
import { bare, json, print } from "../output.js";
import { midnightBefore } from "../parse-when.js";
import { parseIds } from "../values.js";
import { own } from "./site.js";
import { asNamed, columnsFor } from "./submissions.js";
import { asksForJson, readWords, type Words } from "./words.js";

const rootUid = "0";

export async function sacct(context: Context, given: readonly string[]): Promise<number> {
  const words = readWords("sacct", given);
  if (words.has("helpformat")) {
    print(fieldNames());
    return exitStatus.done;
  }
  const invocations = await chosen(context, words);
  if (asksForJson(words)) print(json({ jobs: invocations }));
  else print(await shown(context, words, invocations));
  return exitStatus.done;
}

async function shown(
  context: Context,
  words: Words,
  invocations: readonly Invocation[],
): Promise<string> {
  const brief = words.has("brief") ? briefFormat : undefined;
  const set = words.has("long") ? longFormat : brief;
  const format = words.get("format") ?? set ?? (context.environment.SACCT_FORMAT || plainSacct);
  const units = readUnits(words.get("units"), words.has("noconvert"));
  const client = await context.client();
  const columns = await columnsFor(
    client,
    invocations,
    format,
    timesOf(context.environment, nowMs(), "sacct"),
    units,
  );
  const withHeader = !words.has("noheader");
  const ended = words.has("parsable");
  if (!ended && !words.has("parsable2")) return sacctTable(invocations, columns, withHeader);
  const delimiter = words.get("delimiter") ?? "|";
  const text = bare(invocations, columns, withHeader, delimiter);
  return ended ? text.replaceAll("\n", `${delimiter}\n`) : text;
}

async function chosen(context: Context, words: Words): Promise<readonly Invocation[]> {
  const jobs = words.all("jobs") ?? words.all("job");
  // A step, such as 42.batch, is part of its invocation.
  const ids = jobs === undefined ? undefined : parseIds([jobs.replace(/\.\w+/g, "")]);
  const [starttime, endtime] = [words.get("starttime"), words.get("endtime")];
  const period = chosenPeriod(
    { ...(starttime !== undefined && { starttime }), ...(endtime !== undefined && { endtime }) },
    ids === undefined ? midnightBefore(nowMs()) : undefined,
  );
  const state = words.get("state");
  const states = state === undefined ? null : parseStates(state, "-s");
  const users = listOrNone(words.get("user") ?? words.get("uid"));
  const nodes = nodesOrNone(words.get("nodelist"));
  const isNarrowed = users !== null || ids !== undefined || nodes !== null;
  const isAnybodys = words.has("allusers") || isNarrowed || own.user === rootUid;
  const client = await context.client();
  const list = await newestOf(client, {
    ...(!isAnybodys && own),
    ...(ids !== undefined && { ids: ids.join(",") }),
    ...(states !== null && { states: states.own.join(",") }),
    ...(period.fromMs !== undefined && { sinceMs: period.fromMs }),
  });
  const names = listOrNone(words.get("name") ?? words.get("jobname"));
  const matching = list.invocations.filter(
    (each) =>
      each.submittedAtMs <= (period.toMs ?? Number.POSITIVE_INFINITY) &&
      (states === null || states.has(each)) &&
      (names === null || names.includes(each.name)) &&
      (nodes === null || nodes.has(each.node)) &&
      (users === null || users.includes(each.owner.user) || users.includes(`${each.owner.uid}`)),
  );
  return asNamed(client, matching, {
    account: words.get("accounts") ?? words.get("account"),
    partition: words.get("partition"),
  });
}
