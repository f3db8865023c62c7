// `glean info`: lists nodes with their holes and executors, as sinfo lists nodes.

import type { UnusableReason } from "../../../model/capacity/hole.js";
import type { Resources } from "../../../model/resources.js";
import type { InfoAnswer, NodeInfo, NodeUnkillable } from "../../../sdk/index.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { alarming, type Column, json, print, printable, table } from "../../output.js";

interface Options {
  readonly noheader?: boolean;
  readonly json?: boolean;
  readonly node?: boolean;
  readonly long?: boolean;
  readonly format?: string;
  readonly nodes?: string;
}

const help = `
Examples:
  glean info
  glean info -N                          a line for each node, as sinfo -N prints it
  glean explain n1                       why node n1 is unused`;

export const define: Define = (command, run) => {
  command
    .helpOption("--help", "show this help")
    .option("-h, --noheader", "print only the nodes, without headers")
    .option("-N, --node", "as sinfo -N prints it: a line for each node")
    .option("-l, --long", "as sinfo -l prints it")
    .option("-o, --format <FORMAT>", 'as sinfo -o prints it: "%N %t %C"')
    .option("-n, --nodes <NODES>", "as sinfo prints it, for these nodes only: n1,n[3-5]")
    .option("--json", "one JSON document")
    .addHelpText("after", help)
    .action(run(info));
};

async function info(context: Context, options: Options): Promise<number> {
  const words = sinfoWords(options);
  if (words.length > 0 && !options.json)
    return (await import("../../slurm/sinfo.js")).sinfo(context, [
      ...words,
      ...(options.noheader ? ["--noheader"] : []),
    ]);
  const answer = await (await context.client()).info();
  if (options.json) print(json(answer));
  else {
    if (!options.noheader) print(`${summary(answer)}\n\n`);
    print(table(answer.nodes, columns, !options.noheader));
  }
  return exitStatus.done;
}

/** The options that ask for sinfo's form. */
const sinfoWords = ({ node, long, format, nodes }: Options): string[] => [
  ...(node ? ["--Node"] : []),
  ...(long ? ["--long"] : []),
  ...(format === undefined ? [] : [`--format=${format}`]),
  ...(nodes === undefined ? [] : [`--nodes=${nodes}`]),
];

function summary(answer: InfoAnswer): string {
  const age = answer.snapshotAgeMs === null ? "never read" : `${answer.snapshotAgeMs} ms old`;
  const stale = answer.stale ? ` ${alarming("STALE, gleanerd starts and grows no executor")}` : "";
  const lines = [
    `Cluster ${printable(answer.clusterName)}, gleanerd ${printable(answer.version)}`,
    `View of Slurm: ${age}${stale}; ${answer.rpcsPerMinute} RPCs a minute to slurmctld (${answer.commandsPerMinute} commands)`,
    `Invocations: ${answer.pending} pending, ${answer.running} running`,
  ];
  if (answer.slurmProblem !== null) lines.push(`Slurm: ${printable(answer.slurmProblem)}`);
  return lines.join("\n");
}

const amount = ({ cores, memoryMb, gpus, gres = {} }: Resources): string =>
  [
    `${cores}c/${memoryMb}M`,
    ...(gpus.length === 0 ? [] : [`${gpus.length}g`]),
    ...Object.entries(gres).map(([name, count]) => printable(`${name}:${count}`)),
  ].join("/");

const busy = ({ executor }: NodeInfo): string =>
  executor === null ? "-" : `${executor.usedCores}/${executor.budget.cores}`;

const columns: readonly Column<NodeInfo>[] = [
  { title: "NODE", text: ({ node }) => node },
  { title: "STATE", text: ({ slurmState }) => slurmState },
  { title: "CPUS(A/T)", text: (each) => `${each.allocatedCores}/${each.cores}`, right: true },
  {
    title: "MEMORY_MB(A/T)",
    text: (each) => `${each.allocatedMemoryMb}/${each.memoryMb}`,
    right: true,
  },
  { title: "HOLE", text: ({ hole }) => (hole === null ? "-" : amount(hole.free)) },
  { title: "EXECUTOR", text: executorState },
  { title: "BUSY", text: busy, right: true },
  { title: "RUNNING", text: ({ executor }) => String(executor?.running ?? 0), right: true },
  { title: "WHY", text: whyUnused },
];

function executorState({ executor }: NodeInfo): string {
  if (executor === null) return "-";
  return executor.disconnected ? "disconnected" : executor.state;
}

function whyUnused({ drainedBy, unusable, unkillable }: NodeInfo): string {
  const reason = unusable === null ? "" : label(unusable.reason);
  const why = drainedBy === null ? reason : `drained by ${drainedBy}`;
  return [why, unkillable === null ? "" : hung(unkillable)].filter(Boolean).join("; ");
}

function hung({ count, processes: [first] }: NodeUnkillable): string {
  const more = count > 1 ? ` and ${count - 1} more` : "";
  if (first === undefined)
    return `${count === 1 ? "1 process" : `${count} processes`} cannot be killed`;
  const on = first.fileSystem === null ? "" : `, ${first.fileSystem}`;
  return `cannot be killed: ${first.name} ${first.pid} of ${first.user}${on}${more}`;
}

/** A short label for the column; `glean explain` gives the full sentence. */
function label(reason: UnusableReason): string {
  switch (reason.kind) {
    case "full":
      return "full";
    case "state":
    case "unknownState":
      return `state ${reason.flag}`;
    case "owner":
      return `exclusive to ${reason.owner}`;
    case "memory":
      return `only ${reason.freeMb} MB free`;
    case "pinned":
      return "free cores unknown";
    case "partition":
      return `partition ${reason.partition} excluded`;
    case "noHook":
      return "no hook";
    case "noPreemption":
      return "no preemption";
    case "drained":
      return `drained by ${reason.by}`;
    case "stale":
      return "stale view";
    case "tooShort":
      return `closes in ${reason.endsInMs} ms`;
    case "interference":
      return "interference with jobs";
    case "sick":
      return "functions fail there";
    case "noMemoryLeft":
      return "no memory left there";
    case "launchFailing":
      return "executor starts fail";
  }
}
