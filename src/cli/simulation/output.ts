// Prints the figures of one or more replays side by side, as a table or as CSV.

import { counted } from "../../model/counted.js";
import { skippedReasons } from "../../model/records/skipped.js";
import type { SimulationResult } from "../../sim/index.js";
import { table } from "../output.js";

/** A replay and its label. */
export interface Run {
  readonly label: string;
  readonly result: SimulationResult & { readonly wallMs: number; readonly maxRssMb: number };
}

interface Figure {
  readonly name: string;
  readonly text: (result: Run["result"]) => string;
}

const share = (value: number): string => value.toFixed(4);
export const coreHours = (coreMs: number): string => (coreMs / 3_600_000).toFixed(1);
export const count = (value: number): string => value.toLocaleString("en-US");

/** `0.9073 ± 0.0012`: twice the standard error, if it is of a sample. */
const estimate = (of: "coverage" | "goodput") => (result: Run["result"]) => {
  const error = result.sample?.[of].standardError;
  return error === undefined ? share(result[of]) : `${share(result[of])} ± ${share(2 * error)}`;
};

const figures: readonly Figure[] = [
  { name: "Idle core-hours", text: (r) => coreHours(r.idleCoreMs) },
  { name: "Coverage", text: estimate("coverage") },
  { name: "  fragments, where memory allows", text: (r) => share(r.fragments.coverage) },
  { name: "  whole nodes, where memory allows", text: (r) => share(r.wholeNodes.coverage) },
  { name: "Goodput", text: estimate("goodput") },
  { name: "  ceiling: perfect knowledge", text: (r) => share(r.ceiling.perfectKnowledge) },
  {
    name: "  expected at best, by statistics",
    text: ({ ceiling }) =>
      ceiling.knownStatistics === null ? "-" : share(ceiling.knownStatistics),
  },
  { name: "  ceiling: no start-up cost either", text: (r) => share(r.ceiling.noStartup) },
  { name: "Core-hours lost to eviction", text: (r) => coreHours(r.lostToEvictionCoreMs) },
  { name: "Minutes without any executor", text: (r) => count(r.minutesWithoutExecutor) },
  { name: "Invocations finished", text: (r) => count(r.invocations.finished) },
  { name: "  on time", text: (r) => count(r.invocations.onTime) },
  { name: "  attempts evicted", text: (r) => count(r.invocations.evicted) },
  { name: "  refused, queue full", text: (r) => count(r.invocations.refused) },
  {
    name: "  waited, p50 / p99 / max (ms)",
    text: ({ invocations: { waitMs: w } }) => (w === null ? "-" : `${w.p50} / ${w.p99} / ${w.max}`),
  },
];

/** Formats a table with a column for each run, followed by classes and skipped records. */
export function renderRuns(runs: readonly Run[]): string {
  const columns = [
    { title: "", text: ({ name }: Figure) => name },
    ...runs.map(({ label, result }) => ({
      title: label,
      text: ({ text }: Figure) => text(result),
      right: true,
    })),
  ];
  const parts = [table(figures, columns, true)];
  for (const run of runs) {
    const title = runs.length > 1 ? `, ${run.label}` : "";
    parts.push(`\nHoles by length${title}:\n${holeTable(run.result)}`);
    if (run.result.durationClasses.length > 0)
      parts.push(`\nInvocations by duration${title}:\n${durationTable(run.result)}`);
  }
  parts.push(`\n${noteLines(runs[0]!.result).join("\n")}\n`);
  return parts.join("");
}

export const bound = (atMostMs: number | null): string =>
  atMostMs === null
    ? "longer"
    : atMostMs < 60_000
      ? `<= ${atMostMs / 1_000} s`
      : `<= ${atMostMs / 60_000} min`;

export const ratio = (part: number, whole: number): string =>
  whole === 0 ? "-" : share(part / whole);

function holeTable({ holeClasses }: SimulationResult): string {
  return table(
    holeClasses,
    [
      { title: "LENGTH", text: (each) => bound(each.atMostMs) },
      { title: "HOLES", text: (each) => count(each.holes), right: true },
      { title: "IDLE_CORE_HOURS", text: (each) => coreHours(each.idleCoreMs), right: true },
      {
        title: "COVERAGE",
        text: (each) => ratio(each.coveredCoreMs, each.idleCoreMs),
        right: true,
      },
      { title: "GOODPUT", text: (each) => ratio(each.usefulCoreMs, each.idleCoreMs), right: true },
    ],
    true,
  );
}

function durationTable({ durationClasses }: SimulationResult): string {
  return table(
    durationClasses,
    [
      { title: "DURATION", text: (each) => bound(each.atMostMs) },
      { title: "SUBMITTED", text: (each) => count(each.submitted), right: true },
      { title: "FINISHED", text: (each) => ratio(each.finished, each.submitted), right: true },
      { title: "EVICTED_ATTEMPTS", text: (each) => count(each.evictedAttempts), right: true },
    ],
    true,
  );
}

/** What was read, skipped and assumed, as lines; JSON has fields for it. */
export function noteLines({ skippedRecords, skipped, firstSkipped, remarks }: Notes): string[] {
  const lines = remarks.map((remark) => `Note: ${remark}.`);
  lines.push(`Skipped ${counted(skippedRecords, "record")}${skippedRecords === 0 ? "." : ":"}`);
  for (const reason of skippedReasons(skipped, firstSkipped)) lines.push(`  ${reason}`);
  return lines;
}

type Notes = Pick<SimulationResult, "skippedRecords" | "skipped" | "firstSkipped" | "remarks">;

/**
 * Formats a line for each run. Columns have the names of the JSON, with dots; lists are omitted.
 */
export function renderRunsCsv(runs: readonly Run[]): string {
  const rows = runs.map(({ label, result }) => new Map([["run", label], ...flat("", result)]));
  const names = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  const lines = rows.map((row) => names.map((name) => field(row.get(name) ?? "")).join(","));
  return [names.join(","), ...lines].map((line) => `${line}\r\n`).join("");
}

function flat(prefix: string, value: object): [string, string][] {
  return Object.entries(value).flatMap(([key, each]): [string, string][] => {
    if (Array.isArray(each) || key === "skipped" || key === "firstSkipped") return [];
    if (typeof each === "object" && each !== null) return flat(`${prefix}${key}.`, each);
    return [[`${prefix}${key}`, each === null ? "" : String(each)]];
  });
}

const field = (text: string): string =>
  /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
