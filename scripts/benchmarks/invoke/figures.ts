// What the rows measured, as the benchmark prints it.

import { measuredPercentiles, median, rounded } from "../lib/figures.js";
import { type Row, type Times, titleOf } from "./row.js";

export type Seen = ReadonlyMap<Row, readonly Times[]>;

/** By kind, language and transport: `lease.node.tcp`. */
type Figures = Record<string, Record<string, Record<string, unknown>>>;

/** { raw: { node: { tcp, unix } }, lease: …, ratios: { lease: { node: … } } }, in microseconds. */
export function figuresOf(size: string, seen: Seen): object {
  const figures: Figures = {};
  const ratios: Figures = {};
  const medians = new Map<string, number[]>();
  for (const [row, times] of seen) {
    const all = times.flatMap(({ tookUs }) => tookUs[size] ?? []);
    if (all.length === 0) continue;
    const { p50, p99 } = measuredPercentiles(titleOf(row), all);
    put(figures, row, { calls: all.length, p50us: rounded(p50), p99us: rounded(p99) });
    medians.set(
      titleOf(row),
      times.map(({ tookUs }) => median(tookUs[size]!)),
    );
  }
  for (const row of seen.keys()) {
    const mine = medians.get(titleOf(row));
    const raw = medians.get(titleOf({ ...row, kind: "raw" }));
    if (row.kind !== "raw" && mine && raw) put(ratios, row, ratioOf(mine, raw));
  }
  return { ...figures, ratios };
}

/** The median of the rounds' ratios: what disturbs a round disturbs both. */
const ratioOf = (mine: readonly number[], raw: readonly number[]): number =>
  rounded(median(mine.map((value, round) => value / raw[round]!)), 3);

function put(figures: Figures, { kind, language, transport }: Row, figure: object | number): void {
  figures[kind] ??= {};
  if (kind === transport) figures[kind][language] = figure as never;
  else figures[kind][language] = { ...figures[kind][language], [transport]: figure };
}

/** Calls a second with many at once, by row. */
export function ratesOf(seen: Seen): object {
  const rates: Record<string, number> = {};
  for (const [row, times] of seen) {
    const each = times.flatMap(({ callsPerS }) => callsPerS ?? []);
    if (each.length > 0) rates[titleOf(row)] = Math.round(median(each));
  }
  return rates;
}
