// Reads the changes of `scontrol update`, FIELD=VALUE, and has gleanerd make them.

import { nowMs } from "../../clock.js";
import { GleanerError } from "../../model/errors.js";
import { type Change, unlimitedMs } from "../../model/invocation.js";
import type { GleanerClient } from "../../sdk/index.js";
import { parseDependency } from "../batch/options/dependency.js";
import { parseWhen } from "../parse-when.js";
import { parseDuration, parseIds, parseTimeLimit, quoted } from "../values.js";

const bad = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);

/** Fields whose values mean the same whatever is changed. */
const fields: Readonly<Record<string, (value: string, where: string) => Change>> = {
  jobname: nameOf,
  name: nameOf,
  comment: (comment) => ({ comment }),
  timelimit: (value, where) => ({ timeLimitMs: parseTimeLimit(value, where) }),
  starttime: (value, where) => ({ beginAtMs: futureOf(value, where) }),
  eligibletime: (value, where) => ({ beginAtMs: futureOf(value, where) }),
  deadline: (value, where) => ({ deadlineAtMs: parseWhen(value, where, nowMs(), "future") }),
  dependency: (value, where) => ({ dependency: parseDependency(value, where) }),
  arraytaskthrottle: (value, where) => {
    if (!/^\d{1,9}$/.test(value))
      throw bad(`${where}: invalid value ${quoted(value)}: expected a number, 0 for no limit`);
    return { mostRunning: Number(value) || null };
  },
};

const order = "Gleaner orders what a user submitted by its age and size";
const stays = "it stays as it was submitted: cancel it, and submit it with another one";

/** Fields of Slurm's that no change reaches, and why. */
const refused: Readonly<Record<string, string>> = {
  nice: `${order}: hold what is to start later`,
  priority: `${order}: hold what is to start later, and release it`,
  ...Object.fromEntries(
    `account admincomment batchfeatures burstbuffer clusters clusterfeatures contiguous corespec
     cpuspertask delayboot endtime excnodelist extra features gres licenses mailtype mailuser
     mincpusnode minmemorycpu minmemorynode mintmpdisknode network nodelist numcpus numnodes numtasks
     oversubscribe partition prefer qos reboot reqcores reqnodelist reqnodes reqprocs reqsockets
     reqthreads requeue reservationname resetaccruetime stderr stdin stdout shared sitefactor switches
     threadspec timemin tasks tasksnode userid wckey workdir`
      .split(/\s+/)
      .map((field) => [field, stays]),
  ),
};

function nameOf(name: string, where: string): Change {
  if (name === "") throw bad(`${where}: expected a name`);
  return { name };
}

/** null: now, as what has passed keeps nothing waiting. */
function futureOf(value: string, where: string): number | null {
  const atMs = parseWhen(value, where, nowMs(), "future");
  return atMs <= nowMs() ? null : atMs;
}

/** A change of the time limit by a span, as in `TimeLimit+=10`. */
interface Read {
  readonly change: Change;
  readonly byMs: number;
}

/** Throws BAD_REQUEST for what cannot change, and for what nobody can read. */
function readChanges(words: readonly string[]): Read {
  let change: Change = {};
  let byMs = 0;
  for (const word of words) {
    const [, given, sign, value] = /^(\w+)([+-]?)=(.*)$/s.exec(word) ?? [];
    if (given === undefined || value === undefined)
      throw bad(`invalid input ${quoted(word)}: expected FIELD=VALUE, as in TimeLimit=2:00:00`);
    const field = fieldOf(given);
    const by = /^([+-])(.+)$/.exec(sign === "" ? value : `${sign}${value}`);
    if (field === "timelimit" && by !== null)
      byMs += parseDuration(by[2]!, given) * (by[1] === "+" ? 1 : -1);
    else if (sign !== "") throw bad(`${quoted(word)}: only TimeLimit takes += and -=`);
    else change = { ...change, ...fields[field]!(value, given) };
  }
  if (words.length === 0) throw bad("no changes are given: name a field, as in TimeLimit=2:00:00");
  return { change, byMs };
}

/** As scontrol does, by a beginning of its name. */
function fieldOf(given: string): string {
  const lower = given.toLowerCase();
  const within = (all: Readonly<Record<string, unknown>>): string | undefined =>
    Object.keys(all).find((each) => each === lower) ??
    Object.keys(all).find((each) => lower.length >= 4 && each.startsWith(lower));
  const found = within(fields);
  if (found !== undefined) return found;
  const why = within(refused);
  throw bad(
    why === undefined
      ? `there is no field ${quoted(given)}: expected TimeLimit, StartTime, Deadline, Dependency, ArrayTaskThrottle, JobName or Comment`
      : `${given} cannot change: ${refused[why]}`,
  );
}

/** Returns a sentence for each id that could not be changed. */
export async function updateAll(
  client: GleanerClient,
  given: string,
  words: readonly string[],
): Promise<readonly string[]> {
  const { change, byMs } = readChanges(words);
  const ids = parseIds([given]);
  if (byMs === 0) return (await client.update({ ids, ...change })).problems;
  const problems: string[] = [];
  for (const id of ids) {
    const limitMs = (await client.detail(id)).invocation.timeLimitMs + byMs;
    if (limitMs <= 0) throw bad(`${id}: no time would be left: cancel it`);
    const timeLimitMs = Math.min(limitMs, unlimitedMs);
    problems.push(...(await client.update({ ids: [id], ...change, timeLimitMs })).problems);
  }
  return problems;
}
