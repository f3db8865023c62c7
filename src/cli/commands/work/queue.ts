// `glean queue`: lists pending and running invocations, as squeue does.

import { nowMs } from "../../../clock.js";
import { displayId, type Invocation } from "../../../model/invocation.js";
import type { InvocationList } from "../../../sdk/index.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { chosenUser, parseStates, stateCodes } from "../../filters.js";
import { type Line, longFormat, placeOf, runningMs, squeueFormat } from "../../formats/squeue.js";
import { newestOf } from "../../newest.js";
import { type Column, complain, json, print, table } from "../../output.js";
import { formatNumbers, parseIds } from "../../values.js";
import { formatSpan } from "../../when.js";

interface Options {
  readonly user?: string;
  readonly me?: boolean;
  readonly job?: string;
  readonly states?: string;
  readonly array?: boolean;
  readonly noheader?: boolean;
  readonly format?: string;
  readonly long?: boolean;
  readonly name?: string;
  readonly nodelist?: string;
  readonly json?: boolean;
}

export const define: Define = (command, run) => {
  command
    .helpOption("--help", "show this help")
    .option("-u, --user <USER>", "only this user: a name or a uid")
    .option("--me", "only your own")
    .option("-j, --job <IDS>", "only these: 42,43_7")
    .option("-t, --states <STATES>", "PD, R, CD … or all (default: PD,R)")
    .option("-r, --array", "one line for each pending task of an array")
    .option("-h, --noheader", "omit the header")
    .option("-o, --format <FORMAT>", "squeue's fields and widths: '%.18i %9T %R'")
    .option("-l, --long", "squeue's long format")
    .option("-n, --name <NAMES>", "only with these names")
    .option("-w, --nodelist <NODES>", "only on these nodes: n1,n2")
    .option("--json", "one JSON document")
    .action(run(queue));
};

async function queue(context: Context, options: Options): Promise<number> {
  const states = parseStates(options.states ?? "PENDING,RUNNING", "-t");
  const query = {
    ...chosenUser(options),
    ...(options.job !== undefined && { ids: parseIds([options.job]).join(",") }),
    states: states.join(","),
    ...(!options.array && !options.json && { tasks: "runs" as const }),
  };
  const list = chosenFrom(await newestOf(await context.client(), query), options);
  if (options.json) {
    print(json(list));
    return exitStatus.done;
  }
  const lines = options.array ? list.invocations.map(single) : condensed(list.invocations);
  const format = options.format ?? (options.long ? longFormat : undefined);
  print(
    format === undefined
      ? table(lines, columnsAt(nowMs()), !options.noheader)
      : squeueFormat(format, lines, nowMs(), !options.noheader),
  );
  if (list.truncated)
    complain(
      `note: only the newest ${list.invocations.length} are listed: select fewer invocations with -u, -j or -t`,
    );
  return exitStatus.done;
}

function chosenFrom(list: InvocationList, { name, nodelist }: Options): InvocationList {
  const names = name?.split(",");
  const nodes: readonly (string | null)[] | undefined = nodelist?.split(",");
  const invocations = list.invocations.filter(
    (each) =>
      (names === undefined || names.includes(each.name)) &&
      (nodes === undefined || nodes.includes(each.node)),
  );
  return { ...list, invocations };
}

type Listed = InvocationList["invocations"][number];

const single = (invocation: Invocation): Line => ({
  first: invocation,
  id: displayId(invocation),
});

/** Groups the pending tasks of an array as squeue does: `42_[3-7,9]`, at its first task. */
function condensed(invocations: readonly Listed[]): Line[] {
  const groups = new Map<string, Listed[]>();
  for (const each of invocations) {
    const waits = each.state === "PENDING" && each.arrayJobId !== null;
    const key = waits ? `${each.arrayJobId} ${each.reason}` : `task ${each.id}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  return [...groups.values()].map((group) => {
    const first = group[0]!;
    if (group.length === 1 && first.run === undefined) return single(first);
    const tasks = group.flatMap(tasksOf).sort((a, b) => a - b);
    return { first, id: `${first.arrayJobId}_[${formatNumbers(tasks)}]` };
  });
}

/** The numbers of an entry: gleanerd lists tasks that wait together as one. */
function tasksOf({ arrayTaskId, run = { count: 1, step: 1 } }: Listed): number[] {
  return Array.from({ length: run.count }, (_, at) => (arrayTaskId ?? 0) + at * run.step);
}

const columnsAt = (now: number): readonly Column<Line>[] => [
  { title: "JOBID", text: ({ id }) => id, right: true },
  { title: "NAME", text: ({ first }) => first.name, most: 8 },
  { title: "USER", text: ({ first }) => first.owner.user, most: 8 },
  { title: "ST", text: ({ first }) => stateCodes[first.state] ?? first.state },
  { title: "TIME", text: ({ first }) => formatSpan(runningMs(first, now)), right: true },
  { title: "CPUS", text: ({ first }) => String(first.cores), right: true },
  { title: "NODE(REASON)", text: ({ first }) => placeOf(first) },
];
