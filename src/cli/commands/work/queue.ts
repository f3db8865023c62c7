// `glean queue`: lists pending and running invocations, as squeue does.

import { nowMs } from "../../../clock.js";
import { displayId, type Invocation } from "../../../model/invocation.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { chosenUser, parseStates, stateCodes } from "../../filters.js";
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
    .option("--json", "one JSON document")
    .action(run(queue));
};

async function queue(context: Context, options: Options): Promise<number> {
  const states = parseStates(options.states ?? "PENDING,RUNNING", "-t");
  const query = {
    ...chosenUser(options),
    ...(options.job !== undefined && { ids: parseIds([options.job]).join(",") }),
    states: states.join(","),
  };
  const list = await newestOf(await context.client(), query);
  if (options.json) {
    print(json(list));
    return exitStatus.done;
  }
  const lines = options.array ? list.invocations.map(single) : condensed(list.invocations);
  print(table(lines, columnsAt(nowMs()), !options.noheader));
  if (list.truncated)
    complain(
      `note: only the newest ${list.invocations.length} are listed: select fewer invocations with -u, -j or -t`,
    );
  return exitStatus.done;
}

/** One line: an invocation, or the pending tasks of an array that differ only in their number. */
interface Line {
  readonly first: Invocation;
  readonly id: string;
}

const single = (invocation: Invocation): Line => ({
  first: invocation,
  id: displayId(invocation),
});

/** Groups the pending tasks of an array as squeue does: `42_[3-7,9]`, at its first task. */
function condensed(invocations: readonly Invocation[]): Line[] {
  const groups = new Map<string, Invocation[]>();
  for (const each of invocations) {
    const waits = each.state === "PENDING" && each.arrayJobId !== null;
    const key = waits ? `${each.arrayJobId} ${each.reason}` : `task ${each.id}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  return [...groups.values()].map((group) => {
    const first = group[0]!;
    if (group.length === 1) return single(first);
    const tasks = group.map(({ arrayTaskId }) => arrayTaskId ?? 0).sort((a, b) => a - b);
    return { first, id: `${first.arrayJobId}_[${formatNumbers(tasks)}]` };
  });
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

function runningMs({ state, startedAtMs, endedAtMs }: Invocation, now: number): number {
  if (startedAtMs === null || state === "PENDING") return 0;
  return (endedAtMs ?? now) - startedAtMs;
}

function placeOf({ state, node, reason }: Invocation): string {
  if (state === "PENDING") return `(${reason ?? "waiting for a hole"})`;
  return node ?? (reason === null ? "" : `(${reason})`);
}
