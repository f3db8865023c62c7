// Reads when nodes were down or drained, and takes these times from a trace: what is out of service
// is not idle.

import { counted } from "../../model/counted.js";
import { GleanerError } from "../../model/errors.js";
import { Changes } from "../site/changes.js";
import { Skipped } from "../site/notes.js";
import { ShareList } from "../site/shares.js";
import type { Trace } from "../site/trace.js";
import { isControllerLog, readControllerLog } from "./controller-log.js";
import type { Lines } from "./lines.js";
import { joined, readStretches, type Stretch } from "./stretches.js";

export interface Outages {
  readonly byNode: ReadonlyMap<string, readonly Stretch[]>;
  readonly skipped: Skipped;
  /** Whether these are reservations of nodes; if omitted, not. */
  readonly areReservations?: boolean;
  /** What was assumed; if omitted, nothing. */
  readonly remarks?: readonly string[];
}

/**
 * Outages as `sacctmgr show event -P` prints them, reservations (which Gleaner leaves alone),
 * slurmctld's log, or lines of node,start,end. An outage without an end lasts until the end of the
 * trace. Throws BAD_REQUEST if nothing is left.
 */
export async function readOutages(lines: Lines): Promise<Outages> {
  const { first, all } = await peek(lines);
  const outages: Outages = isControllerLog(first)
    ? await readControllerLog(all)
    : await readStretches(all, "outages");
  if (outages.byNode.size === 0)
    throw new GleanerError(
      "BAD_REQUEST",
      `the outages contain none (${outages.skipped.whenNothingIsLeft()}): write what sacctmgr -P show event prints for the time of the records, slurmctld's log, or lines of node,start,end`,
    );
  return outages;
}

/** The first line that is not blank, which tells the form; "" if there is none. */
async function peek(lines: Lines): Promise<{ first: string; all: Lines }> {
  const rest = toAsync(lines);
  const blank: string[] = [];
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    const line = next.value;
    if (line.trim() !== "") return { first: line, all: joinLines([...blank, line], rest) };
    blank.push("");
  }
  return { first: "", all: [] };
}

async function* toAsync(lines: Lines): AsyncGenerator<string> {
  yield* lines;
}

async function* joinLines(first: Iterable<string>, rest: Lines): AsyncGenerator<string> {
  yield* first;
  yield* rest;
}

/** What to say if the user gave no outages. */
export const noOutages =
  "no outages were given: nodes that were down, drained or reserved count as idle (sacctmgr -P show event …, --outages)";
const noReservations =
  "no reservations were given: reserved nodes count as idle, although Gleaner leaves them alone (sacctmgr -P show reservation …, a further --outages)";

/** All outages of several inputs. */
export function outagesOf(inputs: readonly Outages[]): Outages {
  const byNode = new Map<string, readonly Stretch[]>();
  const skipped = new Skipped();
  for (const input of inputs) {
    skipped.addAll(input.skipped);
    for (const [node, each] of input.byNode)
      byNode.set(node, joined([...(byNode.get(node) ?? []), ...each]));
  }
  const hasReservations = inputs.some(({ areReservations }) => areReservations);
  return {
    byNode,
    skipped,
    remarks: [
      ...inputs.flatMap(({ remarks = [] }) => remarks),
      ...(hasReservations ? [] : [noReservations]),
    ],
  };
}

/** The trace without the outages; the jobs that ran on these nodes stay as they are. */
export function withOutages(trace: Trace, outages: Outages): Trace {
  const { byNode, skipped, remarks: assumed = [] } = outages;
  const shares = new ShareList();
  let coreMs = 0;
  let found = 0;
  for (const [node, { name, cores, memoryMb }] of trace.nodes.entries()) {
    const stretches = byNode.get(name) ?? [];
    found += stretches.length > 0 ? 1 : 0;
    for (const stretch of stretches) {
      const fromMs = Math.max(trace.fromMs, stretch.fromMs);
      const toMs = Math.min(trace.toMs, stretch.toMs);
      if (toMs <= fromMs) continue;
      shares.add({ node, cores, memoryMb, fromMs, toMs, isOutage: true });
      coreMs += cores * (toMs - fromMs);
    }
  }
  const unknown = byNode.size - found;
  const remarks = [
    `${counted(shares.length, "outage")} of nodes, ${(coreMs / 3_600_000).toFixed(1)} core-hours, are not idle time`,
    ...(unknown > 0
      ? [`the outages name ${counted(unknown, "node")} that the trace does not have`]
      : []),
    ...assumed,
  ];
  const skippedThere = Object.entries(skipped.all()).map(([reason, times]) => [
    `outages: ${reason}`,
    times,
  ]);
  const firstThere = Object.entries(skipped.first()).map(([reason, place]) => [
    `outages: ${reason}`,
    place,
  ]);
  return {
    ...trace,
    changes: trace.changes.with(Changes.of(shares)),
    notes: {
      skipped: { ...trace.notes.skipped, ...Object.fromEntries(skippedThere) },
      firstSkipped: { ...trace.notes.firstSkipped, ...Object.fromEntries(firstThere) },
      remarks: [...trace.notes.remarks, ...remarks],
    },
  };
}
