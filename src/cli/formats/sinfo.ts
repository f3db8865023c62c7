// sinfo's fields: nodes that are alike in the fields of a format share a line.

import { foldHostList } from "../../model/hostlist.js";
import type { NodeInfo } from "../../sdk/index.js";
import {
  comparing,
  type FormatPart,
  type OnUnknown,
  partsNamed,
  partsOf,
  rowOf,
  type Titled,
} from "./format-parts.js";
import { partition } from "./states.js";

type State = "drain" | "mix" | "alloc" | "idle" | "down";
type Group = readonly NodeInfo[];

/** In sinfo's order of states, with the long names. */
export const nodeStates: Readonly<Record<State, string>> = {
  drain: "drained",
  mix: "mixed",
  alloc: "allocated",
  idle: "idle",
  down: "down",
};

/** What a node is for functions: idle or mixed if it has a hole. */
export function stateOf({ hole, executor, drainedBy, slurmState }: NodeInfo): State {
  if (drainedBy !== null) return "drain";
  if (/^DOWN|NOT_RESPONDING/.test(slurmState)) return "down";
  if (hole === null) return "alloc";
  return (executor?.running ?? 0) > 0 ? "mix" : "idle";
}

interface Field extends Titled {
  readonly text: (group: Group) => string;
  /** Whether nodes that differ in it share a line: always, or unless sizes must match exactly. */
  readonly shared: "always" | "inexactly" | "never";
}

/** `none`: for a partition of which no node is chosen. */
const field = (title: string, text: (first: NodeInfo) => string, none = "n/a"): Field => ({
  title,
  text: ([first]) => (first === undefined ? none : text(first)),
  shared: "never",
});
const number = (title: string, text: (first: NodeInfo) => number): Field =>
  field(title, (first) => String(text(first)), "0");
/** The least of nodes that differ is shown as `4+`. */
const size = (title: string, of: (node: NodeInfo) => number): Field => ({
  title,
  text: (group) => {
    const [least, most] = rangeOf(group, of);
    return least === most ? `${least}` : `${least}+`;
  },
  shared: "inexactly",
});

function rangeOf(group: Group, of: (node: NodeInfo) => number): readonly [number, number] {
  const all = group.map(of);
  return all.length === 0 ? [0, 0] : [Math.min(...all), Math.max(...all)];
}
const fixed = (title: string, text: string): Field => field(title, () => text, text);
const ofAll = (title: string, text: (group: Group) => string): Field => ({
  title,
  text,
  shared: "always",
});

/** Nodes with work, without, and others; and all of them. */
function countsOf(group: Group): readonly number[] {
  const count = (...states: State[]) =>
    group.filter((node) => states.includes(stateOf(node))).length;
  return [count("alloc", "mix"), count("idle"), count("drain", "down"), group.length];
}

/** Cores that have no place for functions, that have, of nodes that take none, and all of them. */
function cpusOf(group: Group): string {
  const sum = (of: (node: NodeInfo) => number) => group.reduce((all, node) => all + of(node), 0);
  const takesNone = (node: NodeInfo) => ["drain", "down"].includes(stateOf(node));
  const total = sum(({ cores }) => cores);
  const others = sum((node) => (takesNone(node) ? node.cores : 0));
  const idle = sum((node) => (takesNone(node) ? 0 : (node.hole?.free.cores ?? 0)));
  return `${total - idle - others}/${idle}/${others}/${total}`;
}

/** As sinfo does, all sizes between two. */
function freeMemoryOf(group: Group): string {
  const [least, most] = rangeOf(
    group,
    ({ memoryMb, allocatedMemoryMb }) => memoryMb - allocatedMemoryMb,
  );
  return least === most ? `${least}` : `${least}-${most}`;
}

/** gleanerd knows no sockets: each core is one. */
const sockets = size("SOCKETS", ({ cores }) => cores);
const shapeOf = (group: Group): string =>
  group.length === 0 ? "0:0:0" : `${sockets.text(group)}:1:1`;

const fields: Readonly<Record<string, Field>> = {
  P: fixed("PARTITION", `${partition}*`),
  R: fixed("PARTITION", partition),
  a: fixed("AVAIL", "up"),
  l: fixed("TIMELIMIT", "infinite"),
  t: field("STATE", stateOf),
  T: field("STATE", (node) => nodeStates[stateOf(node)]),
  c: size("CPUS", ({ cores }) => cores),
  m: size("MEMORY", ({ memoryMb }) => memoryMb),
  e: { title: "FREE_MEM", text: freeMemoryOf, shared: "inexactly" },
  C: ofAll("CPUS(A/I/O/T)", cpusOf),
  E: field(
    "REASON",
    ({ drainedBy }) => (drainedBy === null ? "none" : `drained by ${drainedBy}`),
    "none",
  ),
  f: fixed("AVAIL_FEATURES", "(null)"),
  b: fixed("ACTIVE_FEATURES", "(null)"),
  G: fixed("GRES", "(null)"),
  O: fixed("CPU_LOAD", "N/A"),
  D: ofAll("NODES", (group) => String(group.length)),
  N: ofAll("NODELIST", (group) => foldHostList(group.map(({ node }) => node))),
  n: field("HOSTNAMES", ({ node }) => node, ""),
  o: field("NODE_ADDR", ({ node }) => node, ""),
  A: ofAll("NODES(A/I)", (group) => countsOf(group).slice(0, 2).join("/")),
  F: ofAll("NODES(A/I/O/T)", (group) => countsOf(group).join("/")),
  z: { title: "S:C:T", text: shapeOf, shared: "inexactly" },
  X: sockets,
  Y: fixed("CORES", "1"),
  Z: fixed("THREADS", "1"),
  d: fixed("TMP_DISK", "0"),
  w: fixed("WEIGHT", "1"),
  u: field("USER", ({ drainedBy }) => drainedBy ?? "Unknown", "Unknown"),
  U: field("USER", ({ drainedBy }) => drainedBy ?? "Unknown", "Unknown"),
  H: fixed("TIMESTAMP", "Unknown"),
  B: fixed("MAX_CPUS_PER_NODE", "UNLIMITED"),
  g: fixed("GROUPS", "all"),
  h: fixed("OVERSUBSCRIBE", "NO"),
  I: fixed("PRIO_JOB_FACTOR", "1"),
  L: fixed("DEFAULTTIME", "n/a"),
  M: fixed("PREEMPT_MODE", "OFF"),
  p: fixed("PRIO_TIER", "1"),
  r: fixed("ROOT", "no"),
  S: fixed("ALLOCNODES", "all"),
  s: fixed("JOB_SIZE", "1"),
  v: fixed("VERSION", "N/A"),
  V: fixed("CLUSTER", "N/A"),
};

/** sinfo's `-O`: names of fields, and the letter that prints the same. */
const named: ReadonlyMap<string, Field> = new Map([
  ...Object.entries({
    partition: "P",
    partitionname: "R",
    available: "a",
    time: "l",
    statecompact: "t",
    statelong: "T",
    statecomplete: "T",
    cpus: "c",
    memory: "m",
    freemem: "e",
    cpusstate: "C",
    reason: "E",
    features: "f",
    features_act: "b",
    gres: "G",
    cpusload: "O",
    nodes: "D",
    nodelist: "N",
    nodehost: "n",
    nodeaddr: "o",
    nodeai: "A",
    nodeaiot: "F",
    socketcorethread: "z",
    sockets: "X",
    cores: "Y",
    threads: "Z",
    disk: "d",
    weight: "w",
    user: "u",
    userlong: "U",
    timestamp: "H",
    maxcpuspernode: "B",
    groups: "g",
    oversubscribe: "h",
    defaulttime: "L",
    preemptmode: "M",
    priojobfactor: "I",
    prioritytier: "p",
    priotier: "p",
    root: "r",
    allocnodes: "S",
    size: "s",
    version: "v",
    cluster: "V",
  }).map(([name, letter]) => [name, fields[letter]!] as const),
  ["allocmem", number("ALLOCMEM", ({ allocatedMemoryMb }) => allocatedMemoryMb)] as const,
  ["comment", fixed("COMMENT", "(null)")] as const,
  ["extra", fixed("EXTRA", "(null)")] as const,
  ["gresused", fixed("GRES_USED", "(null)")] as const,
  ["port", fixed("PORT", "N/A")] as const,
]);

export type SinfoPart = FormatPart<Field>;

export const sinfoParts = (format: string, onUnknown?: OnUnknown): SinfoPart[] =>
  partsOf(format, fields, onUnknown);

export const sinfoPartsNamed = (format: string, onUnknown?: OnUnknown): SinfoPart[] =>
  format === "all" ? sinfoParts("%all") : partsNamed(format, named, onUnknown);

/**
 * The lines of groups of nodes that are alike, in sizes only if `isExact`; each node in its own if
 * `isEach`.
 */
export function sinfoFormat(
  parts: readonly SinfoPart[],
  nodes: readonly NodeInfo[],
  options: {
    readonly isEach: boolean;
    readonly isExact: boolean;
    readonly withHeader: boolean;
    readonly withNone: boolean;
  },
): string {
  const row = (textOf: (found: Field) => string) => rowOf(parts, textOf);
  const isShared = ({ shared }: Field): boolean =>
    shared === "always" || (shared === "inexactly" && !options.isExact);
  const groups = new Map<string, NodeInfo[]>();
  for (const node of nodes) {
    const alike = row((found) => (isShared(found) ? "" : found.text([node])));
    const key = options.isEach ? node.node : alike;
    groups.set(key, [...(groups.get(key) ?? []), node]);
  }
  if (groups.size === 0 && options.withNone) groups.set("", []);
  const body = [...groups.values()].map((group) => row((found) => found.text(group)));
  return [...(options.withHeader ? [row(({ title }) => title)] : []), ...body]
    .map((line) => `${line}\n`)
    .join("");
}

/** For `--sort`: nodes in the order of their fields; as sinfo does without it, by their states. */
export function sortNodes(nodes: readonly NodeInfo[], keys: string): NodeInfo[] {
  const rank = (node: NodeInfo) => Object.keys(nodeStates).indexOf(stateOf(node));
  if (!/\w/.test(keys)) return nodes.toSorted((left, right) => rank(left) - rank(right));
  const textOf = ({ text }: Field, node: NodeInfo) => text([node]);
  return nodes.toSorted(comparing(keys, fields, textOf));
}
