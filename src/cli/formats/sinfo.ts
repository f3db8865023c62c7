// sinfo's fields: nodes that are alike in the fields of a format share a line.

import { GleanerError } from "../../model/errors.js";
import { foldHostList } from "../../model/hostlist.js";
import { nearest } from "../../model/nearest.js";
import type { NodeInfo } from "../../sdk/index.js";
import { printable } from "../output.js";
import { quoted } from "../values.js";
import { cutTo, fill } from "../width.js";
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

interface Field {
  readonly title: string;
  readonly text: (group: Group) => string;
  /** Nodes that differ in it share a line. */
  readonly isOfAll: boolean;
}

/** `none`: for a partition of which no node is chosen. */
const field = (title: string, text: (first: NodeInfo) => string, none = "n/a"): Field => ({
  title,
  text: ([first]) => (first === undefined ? none : text(first)),
  isOfAll: false,
});
const number = (title: string, text: (first: NodeInfo) => number): Field =>
  field(title, (first) => String(text(first)), "0");
const fixed = (title: string, text: string): Field => field(title, () => text, text);
const ofAll = (title: string, text: (group: Group) => string): Field => ({
  title,
  text,
  isOfAll: true,
});

/** Nodes with work, without, and others; and all of them. */
function countsOf(group: Group): readonly number[] {
  const count = (...states: State[]) =>
    group.filter((node) => states.includes(stateOf(node))).length;
  return [count("alloc", "mix"), count("idle"), count("drain", "down"), group.length];
}

const cpusOf = ({ cores, hole }: NodeInfo): string => {
  const idle = hole?.free.cores ?? 0;
  return `${cores - idle}/${idle}/0/${cores}`;
};

const fields: Readonly<Record<string, Field>> = {
  P: fixed("PARTITION", `${partition}*`),
  R: fixed("PARTITION", partition),
  a: fixed("AVAIL", "up"),
  l: fixed("TIMELIMIT", "infinite"),
  t: field("STATE", stateOf),
  T: field("STATE", (node) => nodeStates[stateOf(node)]),
  c: number("CPUS", ({ cores }) => cores),
  m: number("MEMORY", ({ memoryMb }) => memoryMb),
  e: number("FREE_MEM", ({ memoryMb, allocatedMemoryMb }) => memoryMb - allocatedMemoryMb),
  C: field("CPUS(A/I/O/T)", cpusOf, "0/0/0/0"),
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
  z: field("S:C:T", ({ cores }) => `${cores}:1:1`, "0:0:0"),
  X: number("SOCKETS", ({ cores }) => cores),
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

/** A field with its width, or text between fields. */
export type SinfoPart =
  | string
  | { readonly field: Field; readonly width: number; readonly right: boolean };

/** Reads `-o`: `%9P %.5a %N`. */
export function sinfoParts(format: string): SinfoPart[] {
  if (format === "%all")
    return sinfoParts(
      Object.keys(fields)
        .map((each) => `%${each}`)
        .join("|"),
    );
  return [...format.matchAll(/%(\.?)(\d{0,4})(\w)|[^%]+|%/g)].map(
    ([whole, point, width, letter]) => {
      if (letter === undefined) return whole;
      const found = fields[letter];
      if (found === undefined)
        throw new GleanerError("BAD_REQUEST", `-o: ${quoted(whole)} is no field here`);
      return { field: found, width: Number(width), right: point === "." };
    },
  );
}

/** Reads `-O`: `NodeHost:12,CPUsState:.15`; 20 columns if no width is given. */
export function sinfoPartsNamed(format: string): SinfoPart[] {
  if (format === "all") return sinfoParts("%all");
  return format.split(",").map((word) => {
    const [, name = "", , point = "", width = "20"] =
      /^\s*(\w+)(:(\.?)(\d{1,4})?[^,]*)?\s*$/.exec(word) ?? [];
    const found = named.get(name.toLowerCase());
    if (found === undefined)
      throw new GleanerError(
        "BAD_REQUEST",
        `-O: no field ${quoted(word)}; did you mean ${nearest(word.slice(0, 40), [...named.keys()])}?`,
      );
    return { field: found, width: Number(width), right: point === "." };
  });
}

/** The lines of groups of nodes that are alike, each node in its own if `isEach`. */
export function sinfoFormat(
  parts: readonly SinfoPart[],
  nodes: readonly NodeInfo[],
  options: { readonly isEach: boolean; readonly withHeader: boolean; readonly withNone: boolean },
): string {
  const row = (text: (found: Field) => string): string =>
    parts
      .map((part) => {
        if (typeof part === "string") return part;
        const shown = printable(text(part.field));
        return part.width > 0 ? fill(cutTo(shown, part.width), part.width, part.right) : shown;
      })
      .join("");
  const groups = new Map<string, NodeInfo[]>();
  for (const node of nodes) {
    const alike = row((found) => (found.isOfAll ? "" : found.text([node])));
    const key = options.isEach ? node.node : alike;
    groups.set(key, [...(groups.get(key) ?? []), node]);
  }
  if (groups.size === 0 && options.withNone) groups.set("", []);
  const body = [...groups.values()].map((group) => row((found) => found.text(group)));
  return [...(options.withHeader ? [row(({ title }) => title)] : []), ...body]
    .map((line) => `${line}\n`)
    .join("");
}

/** For `--sort`: nodes in the order of their fields, numbers by their size. */
export function sortNodes(nodes: readonly NodeInfo[], keys: string): NodeInfo[] {
  const order = [...keys.matchAll(/([+-]?)(\w)/g)].flatMap(([, sign, letter]) => {
    const found = fields[letter!];
    return found === undefined ? [] : [{ found, factor: sign === "-" ? -1 : 1 }];
  });
  // As sinfo does by default: states in their order.
  const rank = (node: NodeInfo) => Object.keys(nodeStates).indexOf(stateOf(node));
  return nodes.toSorted((left, right) => {
    for (const { found, factor } of order) {
      const texts = [found.text([left]), found.text([right])] as const;
      const difference = texts[0].localeCompare(texts[1], "en", { numeric: true });
      if (difference !== 0) return factor * difference;
    }
    return order.length > 0 ? 0 : rank(left) - rank(right);
  });
}
