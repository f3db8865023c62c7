// Acts as scontrol, as far as users of functions need it: show, hold, release and update, and what
// scripts ask of host lists.

import { writeFileSync } from "node:fs";
import { nowMs } from "../../clock.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import { parseFunctionRef } from "../../model/functions/reference.js";
import { expandHostList, foldHostList } from "../../model/hostlist.js";
import type { GleanerClient, InvocationDetail, NodeInfo } from "../../sdk/index.js";
import { type Context, exitStatus } from "../context.js";
import { groupNames } from "../formats/groups.js";
import { condensed } from "../formats/lines.js";
import { partition } from "../formats/states.js";
import { timesOf } from "../formats/times.js";
import { newestOf } from "../newest.js";
import { complain, json, print, printable, readable } from "../output.js";
import { parseIds, quoted } from "../values.js";
import { functionText } from "./show-function.js";
import { jobText } from "./show-job.js";
import { keptMs, own } from "./site.js";
import { updateAll } from "./updating.js";
import { asksForJson, readWords, type Words } from "./words.js";

type Action = (context: Context, operands: readonly string[], words: Words) => Promise<number>;

const actions: Readonly<Record<string, Action>> = {
  show,
  hold: (context, ids) => changeHold(context, ids, true),
  uhold: (context, ids) => changeHold(context, ids, true),
  release: (context, ids) => changeHold(context, ids, false),
  update,
  requeue,
  requeuehold: async (context, given) => {
    const status = await changeHold(context, given, true);
    return status === exitStatus.done ? requeue(context, given) : status;
  },
  ping: async (context) => {
    await (await context.client()).info();
    print("Slurmctld(primary) at gleanerd is UP\n");
    return exitStatus.done;
  },
  write: writeScript,
};

/** What Slurm does with jobs and Gleaner does not with functions: what to do instead. */
const instead = new Map(
  Object.entries({
    suspend: "functions are not suspended: hold one that waits, or stop one by scancel -f -s STOP",
    resume: "functions are not suspended: let one go on by scancel -f -s CONT",
    notify: "functions have no terminal for a message: send a signal by scancel -s",
    top: "Gleaner orders what a user submitted by its age and size: hold what is to start later",
  }),
);

export async function scontrol(context: Context, given: readonly string[]): Promise<number> {
  const words = readWords("scontrol", given);
  const [verb = "", ...operands] = words.operands;
  const found = wordBegunBy(verb, Object.keys(actions));
  if (found === undefined)
    throw new GleanerError(
      "BAD_REQUEST",
      instead.get(verb.toLowerCase()) ??
        `${quoted(verb)} is not for functions: Gleaner knows ${Object.keys(actions).join(", ")}`,
    );
  return actions[found]!(context, operands, words);
}

/** scontrol takes beginnings of its words, such as `sho` and `hostname`. */
function wordBegunBy(start: string, known: readonly string[]): string | undefined {
  const lower = start.toLowerCase();
  return known.find((word) => word === lower || (lower.length >= 3 && word.startsWith(lower)));
}

/** `update JobId=42 TimeLimit=5`, or `update job 42 TimeLimit=5`. */
async function update(context: Context, operands: readonly string[]): Promise<number> {
  const at = operands.findIndex((word) => /^job(id)?(=.*)?$/i.test(word));
  if (at < 0)
    throw new GleanerError(
      "BAD_REQUEST",
      "only jobs can be updated: name one, as in update JobId=42 TimeLimit=2:00:00",
    );
  const [, joined] = operands[at]!.split("=");
  const ids = joined ?? operands[at + 1] ?? "";
  const changes = operands.filter(
    (_, index) => index < at || index > at + (joined === undefined ? 1 : 0),
  );
  return told(await updateAll(await context.client(), ids, changes));
}

async function requeue(context: Context, given: readonly string[]): Promise<number> {
  const { problems } = await (await context.client()).requeue({ ids: idsOf(given) });
  return told(problems);
}

async function show(context: Context, operands: readonly string[], words: Words): Promise<number> {
  const [joined = "", ...rest] = operands;
  // As in `show job=42`.
  const [what, first] = joined.split("=") as [string, string?];
  const names = [...(first === undefined ? [] : [first]), ...rest];
  const thing = wordBegunBy(what, Object.keys(things));
  if (thing === undefined)
    throw new GleanerError(
      "BAD_REQUEST",
      `show ${quoted(what)} is not for functions: expected job, node, function, partition, config, hostnames or hostlist`,
    );
  const form = asksForJson(words) ? "json" : words.has("oneliner") ? "line" : "lines";
  if (form === "json" && !thing.startsWith("job") && thing !== "nodes")
    throw new GleanerError("BAD_REQUEST", "--json is for show job and show node: omit it");
  return things[thing]!(context, names, form);
}

type Form = "lines" | "line" | "json";

const things: Readonly<
  Record<string, (context: Context, names: readonly string[], form: Form) => Promise<number>>
> = {
  jobs: showJobs,
  jobid: showJobs,
  nodes: showNodes,
  functions: showFunctions,
  hostnames: async ({ environment }, names) => {
    const list = names.join(",") || (environment.SLURM_JOB_NODELIST ?? "");
    print(`${expandHostList(list).join("\n")}\n`);
    return exitStatus.done;
  },
  hostlistsorted: async (_, names) => {
    print(`${foldHostList(names.join(",").split(","))}\n`);
    return exitStatus.done;
  },
  partitions: showPartition,
  config: async (context) => {
    print(await configText(context));
    return exitStatus.done;
  },
};

async function showJobs(context: Context, names: readonly string[], form: Form): Promise<number> {
  const client = await context.client();
  const list = await newestOf(
    client,
    names.length > 0 ? { ids: parseIds(names).join(",") } : { ...own, sinceMs: nowMs() - keptMs },
  );
  if (names.length > 0 && list.invocations.length === 0)
    throw new GleanerError("NOT_FOUND", "Invalid job id specified");
  const lines = condensed(list.invocations);
  const detailOf = ({ first }: (typeof lines)[number]) => client.detail(String(first.id));
  if (form === "json") {
    const jobs: InvocationDetail[] = [];
    for (const line of lines) jobs.push(await detailOf(line));
    print(json({ jobs }));
    return exitStatus.done;
  }
  if (list.invocations.length === 0) print("No jobs in the system\n");
  const groups = groupNames(lines.map(({ first }) => first.owner.gid));
  const times = timesOf(context.environment, nowMs(), "scontrol");
  for (const line of lines) {
    const detail = await detailOf(line);
    const group = groups.get(line.first.owner.gid);
    print(
      jobText({ ...line, ...(group !== undefined && { group }) }, detail, times, form === "line"),
    );
  }
  return exitStatus.done;
}

async function showFunctions(
  context: Context,
  names: readonly string[],
  form: Form,
): Promise<number> {
  const { functions } = await context.client();
  const all = names.length > 0 ? names : await ownNames(functions);
  for (const name of all) {
    const ref = parseFunctionRef(name);
    const { selector } = ref;
    const version = selector.kind === "alias" ? selector.alias : selector.prefix;
    print(functionText(await functions.show(ref, version), form === "line"));
  }
  return exitStatus.done;
}

const ownNames = async (functions: GleanerClient["functions"]): Promise<string[]> =>
  (await functions.list()).functions.map(({ owner, name }) => `${owner.user}/${name}`);

async function showNodes(context: Context, names: readonly string[], form: Form): Promise<number> {
  const asked = new Set<string>(expandHostList(names.join(",")));
  const { nodes } = await (await context.client()).info();
  const found = nodes.filter(({ node }) => asked.size === 0 || asked.has(node));
  if (found.length === 0 && asked.size > 0) {
    print(`Node ${printable(names.join(","))} not found\n`);
    return exitStatus.failed;
  }
  if (form === "json") print(json({ nodes: found }));
  else for (const node of found) print(nodeText(node, form === "line"));
  return exitStatus.done;
}

function nodeText(node: NodeInfo, isOneLine: boolean): string {
  const held = node.cores - (node.hole?.free.cores ?? 0);
  const lines = [
    `NodeName=${node.node} CPUAlloc=${held} CPUEfctv=${node.cores} CPUTot=${node.cores} CPULoad=N/A`,
    `NodeAddr=${node.node} NodeHostName=${node.node}`,
    `RealMemory=${node.memoryMb} AllocMem=${node.allocatedMemoryMb} FreeMem=N/A`,
    `State=${node.slurmState} Partitions=${partition}`,
    `Reason=${node.drainedBy === null ? "(null)" : `drained by ${node.drainedBy}`}`,
  ].map(printable);
  return isOneLine ? `${lines.join(" ")}\n` : `${lines.join("\n   ")}\n\n`;
}

async function showPartition(context: Context, names: readonly string[]): Promise<number> {
  const unknown = names.find((name) => name !== partition);
  if (unknown === undefined) {
    print(await partitionText(context));
    return exitStatus.done;
  }
  print(`Partition ${printable(unknown)} not found\n`);
  return exitStatus.failed;
}

async function partitionText(context: Context): Promise<string> {
  const { nodes } = await (await context.client()).info();
  const cores = nodes.reduce((sum, each) => sum + each.cores, 0);
  return [
    `PartitionName=${partition}`,
    "AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL",
    "Default=YES QoS=N/A DefaultTime=NONE MaxTime=UNLIMITED MaxNodes=1 MinNodes=1",
    `Nodes=${foldHostList(nodes.map(({ node }) => node))}`,
    `State=UP TotalCPUs=${cores} TotalNodes=${nodes.length}\n\n`,
  ].join("\n   ");
}

/** What tools look for: whose cluster it is, and that ended invocations stay visible. */
async function configText(context: Context): Promise<string> {
  const { clusterName, version } = await (await context.client()).info();
  const pairs = {
    ClusterName: clusterName,
    JobRequeue: 1,
    MaxArraySize: 4_000_001,
    MinJobAge: "300 sec",
    SLURM_VERSION: `24.05.0-gleaner-${version}`,
  };
  const lines = Object.entries(pairs).map(
    ([key, value]) => `${key.padEnd(24)}= ${printable(String(value))}`,
  );
  return `Configuration data as of ${new Date(nowMs()).toISOString()}\n${lines.join("\n")}\n`;
}

async function changeHold(
  context: Context,
  given: readonly string[],
  held: boolean,
): Promise<number> {
  const { problems } = await (await context.client()).hold({ ids: idsOf(given), held });
  return told(problems);
}

const idsOf = (given: readonly string[]): string[] =>
  parseIds(given.map((each) => each.replace(/^job(id)?=/i, "")));

function told(problems: readonly string[]): number {
  for (const problem of problems) complain(`error: ${problem}`, "scontrol");
  return problems.length > 0 ? exitStatus.failed : exitStatus.done;
}

/** `write batch_script 42 [FILE]`; into slurm-42.sh if none is named, and to the output for -. */
async function writeScript(context: Context, operands: readonly string[]): Promise<number> {
  const [what, asked = "", file] = operands;
  if (what?.toLowerCase() !== "batch_script")
    throw new GleanerError("BAD_REQUEST", "expected write batch_script ID [FILE]");
  const id = parseIds([asked])[0]!;
  const { command } = (await (await context.client()).detail(id)).submission;
  const script = command.kind === "script" ? command.body : "";
  if (file === "-") {
    print(readable(script));
    return exitStatus.done;
  }
  const path = file ?? `slurm-${id}.sh`;
  try {
    writeFileSync(path, script);
  } catch (cause) {
    const why = `cannot write ${path} (${messageOf(cause)}): name a file that you may write`;
    throw new GleanerError("STORE", why, { cause });
  }
  print(`batch script for job ${id} written to ${printable(path)}\n`);
  return exitStatus.done;
}
