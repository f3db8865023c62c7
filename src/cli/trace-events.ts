// Invocations in the trace-event format, which Perfetto and Chrome's about:tracing open: a process
// for each node, a row for each of what ran there at once.

import { displayId } from "../model/invocation.js";
import { type Span, timelineOf } from "../model/records/timeline.js";
import type { InvocationDetail } from "../sdk/index.js";

/** Times are microseconds. */
export interface TraceEvent {
  readonly name: string;
  /** A complete event, an instant, or a name. */
  readonly ph: "X" | "i" | "M";
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly cat?: string;
  /** An instant belongs to its row. */
  readonly s?: "t";
  readonly args?: Readonly<Record<string, unknown>>;
}

/** What belongs together in one row: a wait, or an attempt with its phases. */
interface Block {
  readonly fromMs: number;
  readonly toMs: number;
  /** null: the queue. */
  readonly node: string | null;
  readonly events: readonly Omit<TraceEvent, "pid" | "tid">[];
}

export function traceOf(
  details: readonly Pick<InvocationDetail, "invocation" | "attempts">[],
  nowMs: number,
): { readonly displayTimeUnit: "ms"; readonly traceEvents: readonly TraceEvent[] } {
  const blocks = details.flatMap((detail) => blocksOf(detail, nowMs));
  const nodes = [...new Set(blocks.map(({ node }) => node))].sort((one, other) =>
    one === null || other === null ? (one === null ? -1 : 1) : one.localeCompare(other),
  );
  const traceEvents = nodes.flatMap((node, at) => {
    const pid = at + 1;
    const name = node ?? "queue";
    const rows = rowsOf(blocks.filter((each) => each.node === node));
    return [
      { name: "process_name", ph: "M" as const, pid, tid: 0, ts: 0, args: { name } },
      ...rows.flatMap((row, tid) =>
        row.flatMap(({ events }) => events.map((event) => ({ ...event, pid, tid: tid + 1 }))),
      ),
    ];
  });
  return { displayTimeUnit: "ms", traceEvents };
}

function blocksOf(
  { invocation, attempts }: Pick<InvocationDetail, "invocation" | "attempts">,
  nowMs: number,
): Block[] {
  const title = `${displayId(invocation)} ${invocation.name}`;
  const spans = timelineOf(invocation, attempts, nowMs);
  const waits = spans.filter(({ kind }) => kind === "queued");
  return [
    ...waits.map((span) => ({
      ...timesOf(span),
      node: null,
      events: [complete(span, `${title}${isAgain(span) ? " again" : ""}`, { phase: "queued" })],
    })),
    ...attempts.map((attempt) => {
      const { startedAtMs, endedAtMs, number, state, cores, memoryMb, node } = attempt;
      const { sharesWith, shareMs, reason } = attempt;
      const more = {
        ...(sharesWith !== null && { sharesWith }),
        ...(shareMs !== null && { shareMs }),
        ...(reason !== null && { reason }),
      };
      const whole = { fromMs: startedAtMs, toMs: endedAtMs ?? nowMs };
      const phases = spans.filter((each) => each.attempt === attempt && each.kind !== "queued");
      const left = state === "EVICTED" || state === "LOST" ? [state.toLowerCase()] : [];
      return {
        ...whole,
        node,
        events: [
          complete(whole, title, { attempt: number, state, cores, memoryMb, ...more }),
          ...phases.map((span) => complete(span, span.kind, { invocation: displayId(invocation) })),
          ...left.map((name) => {
            return { name, ph: "i" as const, s: "t" as const, ts: microseconds(whole.toMs) };
          }),
        ],
      };
    }),
  ];
}

const isAgain = ({ attempt }: Span): boolean => attempt !== null && attempt.number > 1;

const timesOf = ({ fromMs, toMs }: Span) => ({ fromMs, toMs });

const microseconds = (ms: number): number => ms * 1_000;

const complete = (
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  name: string,
  args: Readonly<Record<string, unknown>>,
) => ({
  name,
  cat: "gleaner",
  ph: "X" as const,
  ts: microseconds(fromMs),
  dur: microseconds(toMs - fromMs),
  args,
});

/** Each block goes into the first row that is free then. */
function rowsOf(blocks: readonly Block[]): Block[][] {
  const rows: Block[][] = [];
  for (const block of blocks.toSorted((one, other) => one.fromMs - other.fromMs)) {
    const free = rows.find((row) => row.at(-1)!.toMs <= block.fromMs);
    if (free === undefined) rows.push([block]);
    else free.push(block);
  }
  return rows;
}
