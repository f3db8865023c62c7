// `glean queue`: lists pending and running invocations, as squeue does.

import { nowMs } from "../../../clock.js";
import type { InvocationList } from "../../../sdk/index.js";
import type { Context, Define } from "../../context.js";
import { chosenUser, listOrNone, nodesOrNone, parseStates } from "../../filters.js";
import { condensed, single } from "../../formats/lines.js";
import {
  type Line,
  longFormat,
  placeOf,
  runningMs,
  type SqueuePart,
  sortLines,
  squeueFormat,
  squeueParts,
  startFormat,
} from "../../formats/squeue.js";
import { squeuePartsNamed } from "../../formats/squeue-names.js";
import { codeOf, hasFailed } from "../../formats/states.js";
import { timesOf } from "../../formats/times.js";
import { newestOf } from "../../newest.js";
import { type Column, complain, json, print, table } from "../../output.js";
import { iterated } from "../../slurm/iterated.js";
import { asNamed, withSubmissions } from "../../slurm/submissions.js";
import { parseIds } from "../../values.js";
import { formatSpan } from "../../when.js";

interface Options {
  readonly user?: string;
  readonly me?: boolean;
  readonly job?: string;
  readonly states?: string;
  readonly array?: boolean;
  readonly noheader?: boolean;
  readonly format?: string;
  readonly Format?: string;
  readonly start?: boolean;
  readonly sort?: string;
  readonly long?: boolean;
  readonly name?: string;
  readonly nodelist?: string;
  readonly partition?: string;
  readonly account?: string;
  readonly iterate?: string;
  readonly json?: boolean;
}

const help = `
Examples:
  glean queue --me
  glean queue -t PD --start              what waits, and why
  glean queue -j 42 -r                   each pending task of an array
  glean queue --me -o '%.10i %T' -i 5    two fields, every five seconds`;

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
    .option("-O, --Format <FIELDS>", "squeue's fields by name: 'JobID:10,State,ReasonList'")
    .option("--start", "what waits, and why; nobody can promise when it starts")
    .option("-S, --sort <KEYS>", "by these fields of -o: 'P,-t,i'")
    .option("-l, --long", "squeue's long format")
    .option("-n, --name <NAMES>", "only with these names")
    .option("-w, --nodelist <NODES>", "only on these nodes: n1,n[3-5]")
    .option("-A, --account <NAMES>", "only what was submitted under these accounts")
    .option("-p, --partition <NAMES>", "only what was submitted to these partitions")
    .option(
      "-i, --iterate <SECONDS>",
      "list again after this number of seconds, until it is interrupted",
    )
    .option("--json", "one JSON document")
    .addHelpText("after", help)
    .action(run(queue));
};

function queue(context: Context, options: Options): Promise<number> {
  const format = formatOf(options);
  return iterated(options.iterate, () => listOnce(context, options, format));
}

async function listOnce(
  context: Context,
  options: Options,
  format: readonly SqueuePart[] | undefined,
): Promise<void> {
  const states = parseStates(options.states ?? (options.start ? "PD" : "PD,R"), "-t");
  const client = await context.client();
  const query = {
    ...chosenUser(options),
    ...(options.job !== undefined && { ids: parseIds([options.job]).join(",") }),
    states: states.own.join(","),
    ...(!options.array && !options.json && { tasks: "runs" as const }),
  };
  const all = await newestOf(client, query);
  const { account, partition } = options;
  const invocations = await asNamed(
    client,
    all.invocations.filter((each) => states.has(each)),
    { account, partition },
  );
  const list = chosenFrom({ ...all, invocations: [...invocations] }, options);
  if (options.json) {
    print(json(list));
    return;
  }
  const found = options.array ? list.invocations.map(single) : condensed(list.invocations);
  const lines = options.sort === undefined ? found : sortLines(found, options.sort, nowMs());
  print(
    format === undefined
      ? table(lines, columnsAt(nowMs()), !options.noheader)
      : squeueFormat(
          format,
          await withSubmissions(client, format, lines),
          timesOf(context.environment, nowMs()),
          !options.noheader,
        ),
  );
  if (list.truncated)
    complain(
      `note: only the newest ${list.invocations.length} are listed: select fewer invocations with -u, -j or -t`,
    );
}

function formatOf({ format, Format, long, start }: Options): readonly SqueuePart[] | undefined {
  if (Format !== undefined) return squeuePartsNamed(Format);
  const letters = format ?? (start ? startFormat : long ? longFormat : undefined);
  return letters === undefined ? undefined : squeueParts(letters);
}

function chosenFrom(list: InvocationList, { name, nodelist }: Options): InvocationList {
  const [names, nodes] = [listOrNone(name), nodesOrNone(nodelist)];
  const invocations = list.invocations.filter(
    (each) =>
      (names === null || names.includes(each.name)) && (nodes === null || nodes.has(each.node)),
  );
  return { ...list, invocations };
}

const columnsAt = (now: number): readonly Column<Line>[] => [
  { title: "JOBID", text: ({ id }) => id, right: true },
  { title: "NAME", text: ({ first }) => first.name, most: 8 },
  { title: "USER", text: ({ first }) => first.owner.user, most: 8 },
  {
    title: "ST",
    text: ({ first }) => codeOf(first.state),
    isAlarming: ({ first }) => hasFailed(first),
  },
  { title: "TIME", text: ({ first }) => formatSpan(runningMs(first, now)), right: true },
  { title: "CPUS", text: ({ first }) => String(first.cores), right: true },
  { title: "NODE(REASON)", text: ({ first }) => placeOf(first) },
];
