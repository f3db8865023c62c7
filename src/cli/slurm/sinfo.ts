// Acts as sinfo: the nodes as one partition, each in the state that it has for functions.

import { nowMs } from "../../clock.js";
import { GleanerError } from "../../model/errors.js";
import { expandHostList, foldHostList } from "../../model/hostlist.js";
import type { NodeInfo } from "../../sdk/index.js";
import { type Context, exitStatus } from "../context.js";
import { json, print, printable } from "../output.js";
import { quoted } from "../values.js";
import { cutTo, fill } from "../width.js";
import { dateLine, isOurPartition, partition } from "./site.js";
import { readWords, type Words } from "./words.js";

/** Nodes that are alike in all fields of a line. */
type Group = readonly [NodeInfo, ...NodeInfo[]];

interface Field {
  readonly title: string;
  readonly text: (group: Group) => string;
}

/** Whether a field differs between nodes by nature: those of a line are put together. */
const field = (title: string, text: (first: NodeInfo) => string): Field => ({
  title,
  text: ([first]) => text(first),
});
const ofAll = (title: string, text: (group: Group) => string): Field => ({ title, text });

const fields: Readonly<Record<string, Field>> = {
  P: field("PARTITION", () => `${partition}*`),
  R: field("PARTITION", () => partition),
  a: field("AVAIL", () => "up"),
  l: field("TIMELIMIT", () => "infinite"),
  t: field("STATE", (node) => stateOf(node).short),
  T: field("STATE", (node) => stateOf(node).long),
  c: field("CPUS", ({ cores }) => String(cores)),
  m: field("MEMORY", ({ memoryMb }) => String(memoryMb)),
  e: field("FREE_MEM", ({ memoryMb, allocatedMemoryMb }) => String(memoryMb - allocatedMemoryMb)),
  C: field("CPUS(A/I/O/T)", (node) => {
    const idle = node.hole?.free.cores ?? 0;
    return `${node.cores - idle}/${idle}/0/${node.cores}`;
  }),
  E: field("REASON", ({ drainedBy }) => (drainedBy === null ? "none" : `drained by ${drainedBy}`)),
  f: field("AVAIL_FEATURES", () => "(null)"),
  G: field("GRES", () => "(null)"),
  O: field("CPU_LOAD", () => "N/A"),
  D: ofAll("NODES", (group) => String(group.length)),
  N: ofAll("NODELIST", (group) => foldHostList(group.map(({ node }) => node))),
  n: ofAll("HOSTNAMES", (group) => group.map(({ node }) => node).join(",")),
  A: ofAll("NODES(A/I)", (group) => countsOf(group).slice(0, 2).join("/")),
  F: ofAll("NODES(A/I/O/T)", (group) => countsOf(group).join("/")),
  z: field("S:C:T", ({ cores }) => `${cores}:1:1`),
  d: field("TMP_DISK", () => "0"),
  w: field("WEIGHT", () => "1"),
  u: field("USER", ({ drainedBy }) => drainedBy ?? "Unknown"),
  H: field("TIMESTAMP", () => "Unknown"),
};

/** Nodes with work, without, and drained ones; and all of them. */
function countsOf(group: Group): readonly number[] {
  const states = group.map((node) => stateOf(node).short);
  const [idle, drained] = ["idle", "drain"].map(
    (state) => states.filter((each) => each === state).length,
  );
  return [group.length - idle! - drained!, idle!, drained!, group.length];
}

const plainFormat = "%9P %.5a %.10l %.6D %.6t %N";
const nodesFormat = "%10N %.5D %.9P %6t";
const longNodesFormat = "%10N %.5D %.9P %.11T %4c %.8z %.6m %.8d %.6w %.8f %20E";
const summaryFormat = "%9P %.5a %.10l %.16F %N";
const reasonsFormat = "%20E %18u %19H %N";
const longFormat = "%9P %.5a %.10l %.6D %.11T %N";

export async function sinfo(context: Context, given: readonly string[]): Promise<number> {
  const words = readWords("sinfo", given);
  const answer = await (await context.client()).info();
  const asked = words.get("nodes");
  const names: readonly string[] | null = asked === undefined ? null : expandHostList(asked);
  const isShown = isOurPartition(words.get("partition")?.replaceAll("*", ""));
  const nodes = isShown
    ? answer.nodes.filter(
        ({ node, drainedBy }) =>
          (names === null || names.includes(node)) &&
          (drainedBy !== null || !words.has("list-reasons")),
      )
    : [];
  if (words.has("json")) print(json({ sinfo: nodes }));
  else {
    if (words.has("long") && !words.has("noheader")) print(dateLine(nowMs()));
    print(listed(formatOf(context, words), nodes, words));
  }
  return exitStatus.done;
}

function formatOf({ environment }: Context, words: Words): string {
  const format = words.get("format");
  if (format !== undefined) return format;
  if (words.has("summarize")) return summaryFormat;
  if (words.has("list-reasons")) return reasonsFormat;
  if (words.has("Node")) return words.has("long") ? longNodesFormat : nodesFormat;
  return words.has("long") ? longFormat : environment.SINFO_FORMAT || plainFormat;
}

function listed(format: string, nodes: readonly NodeInfo[], words: Words): string {
  const parts = [...format.matchAll(/%(\.?)(\d{0,4})(\w)|[^%]+|%/g)];
  const unknown = parts.find(([, , , letter]) => letter !== undefined && !(letter in fields));
  if (unknown !== undefined)
    throw new GleanerError("BAD_REQUEST", `-o: ${quoted(unknown[0])} is no field here`);
  const row = (text: (found: Field) => string): string =>
    parts
      .map(([whole, point, width, letter]) => {
        if (letter === undefined) return whole;
        const shown = printable(text(fields[letter]!));
        return width ? fill(cutTo(shown, Number(width)), Number(width), point === ".") : shown;
      })
      .join("")
      .trimEnd();
  const single = words.has("Node") || parts.some(([, , , letter]) => letter === "n");
  const groups = new Map<string, [NodeInfo, ...NodeInfo[]]>();
  for (const node of nodes) {
    const key = single ? node.node : row((found) => (isOfAll(found) ? "" : found.text([node])));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [node]);
    else group.push(node);
  }
  const body = [...groups.values()].map((group) => row((found) => found.text(group)));
  const header = words.has("noheader") ? [] : [row(({ title }) => title)];
  return [...header, ...body].map((line) => `${line}\n`).join("");
}

const isOfAll = (found: Field): boolean => "DNnAF".split("").some((key) => fields[key] === found);

/** What a node is for functions: idle or mixed if it has a hole. */
function stateOf({ hole, executor, drainedBy }: NodeInfo): { short: string; long: string } {
  if (drainedBy !== null) return { short: "drain", long: "drained" };
  if (hole === null) return { short: "alloc", long: "allocated" };
  if ((executor?.running ?? 0) > 0) return { short: "mix", long: "mixed" };
  return { short: "idle", long: "idle" };
}
