// Reads lines of a node and the begin and end of a stretch of time: `node,start,end`, separated by
// commas, semicolons, tabs, | or blanks, quoted or not.

import { GleanerError } from "../../model/errors.js";
import { expandHostList } from "../../model/hostlist.js";
import { Skipped } from "../site/notes.js";
import type { Lines } from "./lines.js";
import { readTimeMs } from "./times.js";

export interface Stretch {
  readonly fromMs: number;
  /** Infinite if it had not ended, which only a log of outages may say. */
  readonly toMs: number;
}

export interface Stretches {
  readonly byNode: Map<string, Stretch[]>;
  readonly skipped: Skipped;
  /** Whether a header says that these are reservations of nodes. */
  readonly areReservations: boolean;
}

interface Places {
  readonly node: number;
  readonly start: number;
  readonly end: number;
  /** -1 if there is no such column. */
  readonly state: number;
  /** How many fields each line has; null for any number. */
  readonly count: number | null;
}

const plain: Places = { node: 0, start: 1, end: 2, state: -1, count: 3 };
/** Cluster, node, start, end, state, reason, user: sacctmgr's events without their header. */
const events: Places = { node: 1, start: 2, end: 3, state: 4, count: null };

/** An outage may have no end yet, and counts only if the node did not work. */
export type StretchKind = "holes" | "outages";

/** Stretches of each node, joined where they overlap or touch; skips and counts invalid lines. */
export async function readStretches(lines: Lines, kind: StretchKind = "holes"): Promise<Stretches> {
  const byNode = new Map<string, Stretch[]>();
  const skipped = new Skipped();
  let places: Places | null = null;
  let separator: string | RegExp = ",";
  let areReservations = false;
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line.trim() === "" || /^\s*#/.test(line)) continue;
    if (places === null) {
      separator = separatorOf(line);
      const fields = fieldsOf(line, separator);
      const named = placesIn(fields, kind);
      areReservations = kind === "outages" && fields.some((field) => /^nodenames$/i.test(field));
      places = named ?? (kind === "outages" && isEvent(fields) ? events : plain);
      if (named !== null) continue;
    }
    const stretch = parseLine(fieldsOf(line, separator), places, kind);
    if (stretch === null) continue;
    if ("reason" in stretch) skipped.add(stretch.reason, number, stretch.column);
    else for (const node of namesIn(stretch.node)) add(byNode, node, stretch);
  }
  for (const [node, each] of byNode) byNode.set(node, joined(each));
  return { byNode, skipped, areReservations };
}

const isEvent = (fields: readonly string[]): boolean =>
  fields.length > 4 && readTimeMs(fields[2]!) !== null && readTimeMs(fields[1]!) === null;

/** A name, or a list such as n[1-3] or a,b. */
function namesIn(text: string): readonly string[] {
  if (!/[[,]/.test(text)) return [text];
  try {
    return expandHostList(text);
  } catch {
    return [text];
  }
}

function add(byNode: Map<string, Stretch[]>, node: string, { fromMs, toMs }: Stretch): void {
  const known = byNode.get(node);
  if (known === undefined) byNode.set(node, [{ fromMs, toMs }]);
  else known.push({ fromMs, toMs });
}

/** What separates fields most often in the first line; blanks if nothing else does. */
function separatorOf(line: string): string | RegExp {
  const count = (separator: string) => line.split(separator).length;
  const best = [",", ";", "\t", "|"].reduce((a, b) => (count(b) > count(a) ? b : a));
  return count(best) > 1 ? best : / +/;
}

/** Fields without their quotes; a quoted name contains no separator, as no node's name does. */
const fieldsOf = (line: string, separator: string | RegExp): string[] =>
  (typeof separator === "string" ? line : line.trim()).split(separator).map((field) =>
    field
      .trim()
      .replace(/^(["'])(.*)\1$/, "$2")
      .trim(),
  );

/**
 * The columns that a header names; null if the line is none. Without an end, as in the output of
 * sinfo -R, outages last. Throws BAD_REQUEST if it names no start, or no end of holes.
 */
function placesIn(fields: readonly string[], kind: StretchKind): Places | null {
  const names = fields.map((field) => field.toLowerCase());
  const place = (...words: string[]) => names.findIndex((name) => words.includes(name));
  const node = place("node", "nodename", "host", "hostname", "nodelist", "nodenames");
  if (node < 0) return null;
  const start = place("start", "from", "begin", "timestart", "start_time", "timestamp");
  const end = place("end", "to", "until", "timeend", "end_time");
  const missing = start < 0 ? "start" : end < 0 && kind === "holes" ? "end" : null;
  if (missing === null) return { node, start, end, state: place("state"), count: null };
  throw new GleanerError(
    "BAD_REQUEST",
    `the header of the ${kind} (${fields.join(", ").slice(0, 200)}) names no column ${missing}: name the columns node, start and end`,
  );
}

type Parsed =
  | (Stretch & { readonly node: string })
  | { readonly reason: string; readonly column: string | null }
  | null;

/** Every event of a node is an outage, unless it says that the node works. */
const works =
  /^(?:idle|alloc|allocated|mix|mixed|comp|completing|plnd|planned)(?:\+(?:cloud|completing|planned|dynamic_\w+)?)*$/i;

/** null if the line is valid but no stretch of that kind. */
function parseLine(fields: readonly string[], places: Places, kind: StretchKind): Parsed {
  const node = fields[places.node];
  // sacctmgr also has events of the whole cluster, without a node.
  if (kind === "outages" && places.count === null && node === "") return null;
  const state = fields[places.state] ?? "";
  if (kind === "outages" && works.test(state)) return null;
  const isWrong = places.count !== null && fields.length !== places.count;
  if (isWrong || !node || node.length > 255) return { reason: "not node,start,end", column: null };
  // A log may count from any moment, not only from the epoch.
  const fromMs = readTimeMs(fields[places.start] ?? "", 0);
  const end = fields[places.end] ?? "";
  const lasts = kind === "outages" && /^(unknown|none|n\/a|)$/i.test(end);
  const toMs = lasts ? Number.POSITIVE_INFINITY : readTimeMs(end, 0);
  if (fromMs === null || toMs === null)
    return {
      reason: "a time that is neither a number nor a date",
      column: fromMs === null ? "start" : "end",
    };
  if (toMs <= fromMs) return { reason: "ends before it starts", column: "end" };
  return { node, fromMs, toMs };
}

/** Overlapping or adjacent stretches as one. */
export function joined(stretches: readonly Stretch[]): Stretch[] {
  const result: { fromMs: number; toMs: number }[] = [];
  for (const stretch of [...stretches].sort((a, b) => a.fromMs - b.fromMs)) {
    const last = result.at(-1);
    if (last !== undefined && stretch.fromMs <= last.toMs)
      last.toMs = Math.max(last.toMs, stretch.toMs);
    else result.push({ ...stretch });
  }
  return result;
}
