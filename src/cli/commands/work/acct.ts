// `glean acct`: lists past and present invocations, as sacct does.

import { nowMs } from "../../../clock.js";
import { displayId, type Invocation } from "../../../model/invocation.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { chosenPeriod, chosenUser, parseStates } from "../../filters.js";
import { newestOf } from "../../newest.js";
import { bare, type Column, complain, json, print, table } from "../../output.js";
import { parseIds } from "../../values.js";
import { formatElapsed, formatWhen, midnightBefore } from "../../when.js";

interface Options {
  readonly jobs?: string;
  readonly user?: string;
  readonly me?: boolean;
  readonly starttime?: string;
  readonly endtime?: string;
  readonly state?: string;
  readonly json?: boolean;
  readonly parsable2?: boolean;
  readonly noheader?: boolean;
}

export const define: Define = (command, run) => {
  command
    .option("-j, --jobs <IDS>", "only these, from any time: 42,43_7")
    .option("-u, --user <USER>", "only this user: a name or a uid")
    .option("--me", "only your own")
    .option("-S, --starttime <TIME>", "start of the period (default: 00:00 today)")
    .option("-E, --endtime <TIME>", "end of the period (default: now)")
    .option("-s, --state <STATES>", "only these states: CD,F")
    .option("-P, --parsable2", "separate fields with |")
    .option("-n, --noheader", "omit the header")
    .option("--json", "one JSON document")
    .addHelpText("after", "\nTimes: YYYY-MM-DD[THH:MM[:SS]], HH:MM, today, now-2hours")
    .action(run(acct));
};

async function acct(context: Context, options: Options): Promise<number> {
  const { jobs, state, noheader } = options;
  const period = chosenPeriod(options, jobs === undefined ? midnightBefore(nowMs()) : undefined);
  const query = {
    ...chosenUser(options),
    ...(jobs !== undefined && { ids: parseIds([jobs]).join(",") }),
    ...(state !== undefined && { states: parseStates(state, "-s").join(",") }),
    ...(period.fromMs !== undefined && { sinceMs: period.fromMs }),
  };
  const list = await newestOf(await context.client(), query);
  const untilMs = period.toMs ?? Number.POSITIVE_INFINITY;
  const invocations = list.invocations.filter(({ submittedAtMs }) => submittedAtMs <= untilMs);
  if (options.json) print(json({ ...list, invocations }));
  else print((options.parsable2 ? bare : table)(invocations, columnsAt(nowMs()), !noheader));
  if (list.truncated && !options.json)
    complain(
      `note: only the newest ${list.invocations.length} are listed: select fewer invocations with -S, -u or -s`,
    );
  return exitStatus.done;
}

/** sacct's `exit:signal`; empty for an invocation that has not ended or never ran. */
const exitOf = ({ exitCode, signal }: Invocation): string =>
  exitCode === null && signal === null ? "" : `${exitCode ?? 0}:${signal ?? 0}`;

const columnsAt = (now: number): readonly Column<Invocation>[] => {
  // The executor measured the time of a finished invocation; the local clock serves for a running
  // one.
  const elapsedMs = ({ state, startedAtMs, wallMs }: Invocation): number =>
    state === "RUNNING" ? Math.max(0, now - (startedAtMs ?? now)) : (wallMs ?? 0);
  return [
    { title: "JobID", text: displayId },
    { title: "JobName", text: ({ name }) => name, most: 10 },
    { title: "User", text: ({ owner }) => owner.user, most: 9 },
    { title: "CPUs", text: ({ cores }) => String(cores), right: true },
    { title: "State", text: ({ state }) => state },
    { title: "ExitCode", text: exitOf },
    { title: "Start", text: ({ startedAtMs }) => formatWhen(startedAtMs) },
    { title: "End", text: ({ endedAtMs }) => formatWhen(endedAtMs) },
    { title: "Elapsed", text: (each) => formatElapsed(elapsedMs(each)), right: true },
    { title: "CoreMs", text: (each) => String(elapsedMs(each) * each.cores), right: true },
  ];
};
