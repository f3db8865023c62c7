// A trace as the engine replays it: nodes, and what batch jobs take from them and return, in order
// of time.

import { GleanerError } from "../../model/errors.js";
import type { NodeName } from "../../model/ids.js";
import type { Changes } from "./changes.js";
import type { InputNotes } from "./notes.js";

export interface TraceNode {
  readonly name: NodeName;
  readonly cores: number;
  readonly memoryMb: number;
}

/** Some of a trace's nodes, drawn at random. */
export interface Sample {
  readonly nodes: number;
  readonly ofNodes: number;
}

export interface Trace {
  readonly nodes: readonly TraceNode[];
  readonly fromMs: number;
  readonly toMs: number;
  /** Jobs, or in a hole log the ends of holes. */
  readonly jobs: number;
  readonly changes: Changes;
  /** Whether it comes from a log of idle nodes, which knows no jobs; if omitted, no. */
  readonly isOfHoles?: boolean;
  /** If omitted, it has all nodes. */
  readonly sample?: Sample;
  readonly notes: InputNotes;
}

/** A longer trace contains a wrong time. */
const maxYears = 10;
const yearMs = 366 * 86_400_000;

/**
 * Throws BAD_REQUEST if the trace is implausibly long, LIMIT_REACHED if its core-milliseconds
 * exceed exact integers.
 */
export function checkExtent(trace: Trace): Trace {
  const lastsMs = trace.toMs - trace.fromMs;
  if (lastsMs > maxYears * yearMs)
    throw new GleanerError(
      "BAD_REQUEST",
      `the trace lasts from ${day(trace.fromMs)} to ${day(trace.toMs)}, more than ${maxYears} years: remove the records with wrong times`,
    );
  const cores = trace.nodes.reduce((sum, node) => sum + node.cores, 0);
  if (!Number.isSafeInteger(cores * lastsMs))
    throw new GleanerError("LIMIT_REACHED", "the trace covers too long a period to sum: split it");
  return trace;
}

const day = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);
