// Acts as squeue: the same options, output and exit status, for invocations.

import { nowMs } from "../../clock.js";
import { GleanerError } from "../../model/errors.js";
import type { InvocationState } from "../../model/invocation.js";
import type { GleanerClient, InvocationList, InvocationQuery } from "../../sdk/index.js";
import type { Context } from "../context.js";
import { listOrNone, nodesOrNone, parseStates } from "../filters.js";
import { condensed, single } from "../formats/lines.js";
import {
  type Line,
  longFormat,
  plainFormat,
  plainOrder,
  type SqueuePart,
  sortLines,
  squeueFormat,
  squeueParts,
  startFormat,
  stepFormat,
  stepParts,
} from "../formats/squeue.js";
import { squeuePartsNamed, stepPartsNamed } from "../formats/squeue-names.js";
import { timesOf } from "../formats/times.js";
import { allOf } from "../newest.js";
import { complain, json, print } from "../output.js";
import { parseIds } from "../values.js";
import { iterated } from "./iterated.js";
import { dateLine, keptMs, leavingOut, own } from "./site.js";
import { asNamed, withSubmissions } from "./submissions.js";
import { asksForJson, readWords, type Words } from "./words.js";

export async function squeue(context: Context, given: readonly string[]): Promise<number> {
  const words = readWords("squeue", given);
  const [unread] = words.has("steps") ? [] : words.operands;
  if (unread !== undefined) throw new GleanerError("BAD_REQUEST", `Unrecognized option: ${unread}`);
  const format = formatOf(context, words);
  return iterated(words.get("iterate"), () => listOnce(context, words, format));
}

async function listOnce(
  context: Context,
  words: Words,
  format: readonly SqueuePart[],
): Promise<void> {
  const list = await chosen(context, words);
  if (asksForJson(words)) {
    print(json(list));
    return;
  }
  const now = nowMs();
  const lines: Line[] = showsTasks(words)
    ? list.invocations.map(single)
    : condensed(list.invocations);
  const sorted = sortLines(
    lines,
    words.get("sort") ?? (context.environment.SQUEUE_SORT || plainOrder),
    now,
  );
  const whole = await withSubmissions(await context.client(), format, sorted);
  if (words.has("long") && !words.has("noheader")) print(dateLine(now));
  print(
    squeueFormat(
      format,
      whole,
      timesOf(context.environment, now, "squeue"),
      !words.has("noheader"),
    ),
  );
}

/** Each task by itself, and not one line for those that wait together. */
const showsTasks = (words: Words): boolean =>
  words.has("array") || words.has("array-unique") || asksForJson(words);

function formatOf({ environment }: Context, words: Words): readonly SqueuePart[] {
  const long = words.get("Format");
  if (words.has("steps"))
    return long === undefined
      ? stepParts(words.get("format") ?? stepFormat, leaveOutOfSteps)
      : stepPartsNamed(long, leaveOutOfSteps);
  if (long !== undefined) return squeuePartsNamed(long, leaveOut);
  const format = words.get("format");
  if (format !== undefined) return squeueParts(format, leaveOut);
  if (words.has("start")) return squeueParts(startFormat);
  const { SQUEUE_FORMAT2: named } = environment;
  if (named && !words.has("long")) return squeuePartsNamed(named, leaveOut);
  const usual = words.has("long") ? longFormat : environment.SQUEUE_FORMAT || plainFormat;
  return squeueParts(usual, leaveOut);
}

const leaveOut = leavingOut("squeue");
const leaveOutOfSteps = leavingOut("squeue", "job step");

/** The ids of `--steps=42.batch,43`; undefined for all. */
function jobsOfSteps(words: Words): string | undefined {
  const named = [words.all("steps") ?? "", ...words.operands].filter(Boolean).join(",");
  return named === "" ? undefined : named.replace(/\.\w+(?=,|$)/g, "");
}

async function chosen(context: Context, words: Words): Promise<InvocationList> {
  const ofSteps = words.has("steps");
  const asked = words.all("jobs") ?? words.all("job") ?? (ofSteps ? jobsOfSteps(words) : undefined);
  const usual = words.has("start") ? "PD" : "PD,R";
  const states = parseStates(ofSteps ? "R" : (words.get("states") ?? usual), "-t");
  const ids = asked === undefined ? undefined : parseIds([asked]);
  const query = {
    ...(ids !== undefined && { ids: ids.join(",") }),
    ...(ids === undefined && { sinceMs: nowMs() - keptMs }),
    states: states.own.join(","),
    ...(words.has("me") && own),
    ...(!showsTasks(words) && { tasks: "runs" as const }),
  };
  const client = await context.client();
  // Who looks for an id takes one that is missing for ended: all that waits or runs is listed.
  const isBounded = ids !== undefined || !states.own.every((state) => isOpen.has(state));
  const found = await allOf(client, query, isBounded ? mostAnswers : Infinity);
  const { invocations: listed, truncated } = found;
  if (!ofSteps && ids?.length === 1 && listed.length === 0)
    await requireId(client, { ids: ids[0]!, ...(words.has("me") && own) });
  if (truncated)
    complain(
      `note: only the newest ${listed.length} were read: select fewer with -j or -t, or omit -r`,
      "squeue",
    );
  const users = listOrNone(words.get("user") ?? words.get("users"));
  const names = listOrNone(words.get("name"));
  const nodes = nodesOrNone(words.get("nodelist"));
  const matching = listed.filter(
    (each) =>
      states.has(each) &&
      (users === null || users.includes(each.owner.user) || users.includes(`${each.owner.uid}`)) &&
      (names === null || names.includes(each.name)) &&
      (nodes === null || nodes.has(each.node)),
  );
  const named = { account: words.get("account"), partition: words.get("partition") };
  return { invocations: [...(await asNamed(client, matching, named))], truncated };
}

const isOpen: ReadonlySet<InvocationState> = new Set(["PENDING", "RUNNING"]);

/** How many answers of 20,000 a list of what has ended, or of ids, takes at most. */
const mostAnswers = 5;

/** Throws NOT_FOUND unless there is such an invocation, in whatever state. */
async function requireId(client: GleanerClient, query: InvocationQuery): Promise<void> {
  const { invocations } = await client.list({ ...query, limit: 1 });
  if (invocations.length === 0) throw new GleanerError("NOT_FOUND", "Invalid job id specified");
}
