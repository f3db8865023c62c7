// `glean acct`: lists past and present invocations, as sacct does.

import { nowMs } from "../../../clock.js";
import { displayId, type Invocation } from "../../../model/invocation.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { chosenPeriod, chosenUser, listOrNone, nodesOrNone, parseStates } from "../../filters.js";
import { readUnits } from "../../formats/amounts.js";
import { billedParts, briefFormat, coreMs, elapsedMs, exitOf } from "../../formats/sacct.js";
import { hasFailed } from "../../formats/states.js";
import { timesOf } from "../../formats/times.js";
import { newestOf } from "../../newest.js";
import { bare, type Column, complain, json, print, table } from "../../output.js";
import { midnightBefore } from "../../parse-when.js";
import { asNamed, columnsFor } from "../../slurm/submissions.js";
import { parseIds } from "../../values.js";
import { formatElapsed, formatWhen } from "../../when.js";

interface Options {
  readonly jobs?: string;
  readonly user?: string;
  readonly me?: boolean;
  readonly starttime?: string;
  readonly endtime?: string;
  readonly state?: string;
  readonly json?: boolean;
  readonly parsable2?: boolean;
  readonly parsable?: boolean;
  readonly delimiter?: string;
  readonly format?: string;
  readonly brief?: boolean;
  readonly name?: string;
  readonly nodelist?: string;
  readonly partition?: string;
  readonly accounts?: string;
  readonly noheader?: boolean;
  readonly units?: string;
  readonly noconvert?: boolean;
}

const help = `
Times: YYYY-MM-DD[THH:MM[:SS]], HH:MM, today, now-2hours

Examples:
  glean acct                             what ended, or runs, since midnight
  glean acct -j 42,43_7                  these, whenever they ran
  glean acct -S now-2hours -s F,TO       what failed or ran too long in the last two hours
  glean acct -P -o JobID,State,Elapsed   for a program`;

export const define: Define = (command, run) => {
  command
    .option("-j, --jobs <IDS>", "only these, from any time: 42,43_7")
    .option("-u, --user <USER>", "only this user: a name or a uid")
    .option("--me", "only your own")
    .option("-S, --starttime <TIME>", "start of the period (default: 00:00 today)")
    .option("-E, --endtime <TIME>", "end of the period (default: now)")
    .option("-s, --state <STATES>", "only these states: CD,F")
    .option("-P, --parsable2", "separate fields with |")
    .option("-p, --parsable", "as -P, and a | at the end of each line")
    .option("--delimiter <TEXT>", "with -P or -p: separate fields with this")
    .option("-o, --format <FIELDS>", "sacct's fields and widths: JobID,State%20,ExitCode")
    .option("-b, --brief", "id, state and exit code")
    .option("-X, --allocations", "accepted as by sacct: a function has no steps")
    .option("--units <UNIT>", "memory in K, M, G, T or P")
    .option("--noconvert", "memory in megabytes")
    .option("--name <NAMES>", "only with these names")
    .option("-N, --nodelist <NODES>", "only on these nodes: n1,n[3-5]")
    .option("-A, --accounts <NAMES>", "only what was submitted under these accounts")
    .option("-r, --partition <NAMES>", "only what was submitted to these partitions")
    .option("-n, --noheader", "omit the header")
    .option("--json", "one JSON document")
    .addHelpText("after", help)
    .action(run(acct));
};

async function acct(context: Context, options: Options): Promise<number> {
  const { jobs, state } = options;
  const period = chosenPeriod(options, jobs === undefined ? midnightBefore(nowMs()) : undefined);
  const states = state === undefined ? null : parseStates(state, "-s");
  const query = {
    ...chosenUser(options),
    ...(jobs !== undefined && { ids: parseIds([jobs]).join(",") }),
    ...(states !== null && { states: states.own.join(",") }),
    ...(period.fromMs !== undefined && { sinceMs: period.fromMs }),
  };
  const client = await context.client();
  const list = await newestOf(client, query);
  const untilMs = period.toMs ?? Number.POSITIVE_INFINITY;
  const [names, nodes] = [listOrNone(options.name), nodesOrNone(options.nodelist)];
  const matching = list.invocations.filter(
    (each) =>
      each.submittedAtMs <= untilMs &&
      (states === null || states.has(each)) &&
      (names === null || names.includes(each.name)) &&
      (nodes === null || nodes.has(each.node)),
  );
  const { accounts: account, partition } = options;
  const invocations = await asNamed(client, matching, { account, partition });
  if (options.json) print(json({ ...list, invocations }));
  else print(await shown(context, invocations, options));
  if (list.truncated && !options.json)
    complain(
      `note: only the newest ${list.invocations.length} are listed: select fewer invocations with -S, -u or -s`,
    );
  return exitStatus.done;
}

async function shown(
  context: Context,
  invocations: readonly Invocation[],
  options: Options,
): Promise<string> {
  const { format = options.brief ? briefFormat : undefined, delimiter = "|" } = options;
  const withHeader = !options.noheader;
  const units = readUnits(options.units, options.noconvert === true);
  const now = nowMs();
  const client = await context.client();
  const columns =
    format === undefined
      ? columnsAt(now)
      : await columnsFor(client, invocations, format, timesOf(context.environment, now), units);
  if (!options.parsable && !options.parsable2) {
    const hasLeases = format === undefined && invocations.some((each) => billedParts(each));
    const all = hasLeases ? [...columns, ...leaseColumns] : columns;
    return table(invocations, all, withHeader);
  }
  const text = bare(invocations, columns, withHeader, delimiter);
  return options.parsable ? text.replaceAll("\n", `${delimiter}\n`) : text;
}

/** Empty for an invocation that has not ended, or was cancelled before it ran. */
const exitIfEnded = (each: Invocation): string =>
  each.exitCode === null && each.signal === null && each.state !== "FAILED" ? "" : exitOf(each);

const columnsAt = (now: number): readonly Column<Invocation>[] => [
  { title: "JobID", text: displayId },
  { title: "JobName", text: ({ name }) => name, most: 10 },
  { title: "User", text: ({ owner }) => owner.user, most: 9 },
  { title: "CPUs", text: ({ cores }) => String(cores), right: true },
  { title: "State", text: ({ state }) => state, isAlarming: hasFailed },
  { title: "ExitCode", text: exitIfEnded },
  { title: "Start", text: ({ startedAtMs }) => formatWhen(startedAtMs) },
  { title: "End", text: ({ endedAtMs }) => formatWhen(endedAtMs) },
  { title: "Elapsed", text: (each) => formatElapsed(elapsedMs(each, now)), right: true },
  { title: "CoreMs", text: (each) => String(coreMs(each, now)), right: true },
];

/** Shown if a leased worker is listed: the parts of CoreMs that are billed as held and as hot. */
const leaseColumns: readonly Column<Invocation>[] = [
  { title: "HeldMs", text: (each) => String(billedParts(each)?.heldMs ?? ""), right: true },
  { title: "HotMs", text: (each) => String(billedParts(each)?.hotMs ?? ""), right: true },
];
