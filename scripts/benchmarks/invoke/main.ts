// Times calls over a lease beside a bare ping-pong over the same kind of socket in the same
// language, in turn, pinned to two cores and not: [--calls N] [--rounds N].

import { cpus, release } from "node:os";
import { startServing, stopServing } from "../../../test/support/runtimes/serving.js";
import { countsOf, measuredPercentiles, median, rounded, say } from "../lib/harness.js";
import { environmentOf, pin, type Row, rows, type Times, timesOf, titleOf } from "./rows.js";

const counts = countsOf({ calls: 20_000, rounds: 3 });
const sizes = { "1B": 1, "1KiB": 1_024, "100KiB": 102_400, "1MiB": 1 << 20, "5MiB": 5 << 20 };
const maxSmall = 1_024;
/** Large messages take longer; as many bytes as these calls have in all are enough. */
const largeBytes = 2 ** 30;
const leastCalls = 100;
const callsInFlight = 64;
const clientCpu = 0;
const serverCpu = 1;
const code = {
  "index.mjs": "export default (input) => input;",
  "main.py": "def handler(x): return x",
};

const plan = Object.entries(sizes).map(([name, bytes]) => {
  const large = Math.max(leastCalls, Math.min(counts.calls, Math.ceil(largeBytes / bytes / 2)));
  const calls = bytes <= maxSmall ? counts.calls : Math.min(large, counts.calls);
  return { name, bytes, calls: Math.ceil(calls / counts.rounds) };
});

say(`${cpus().length} x ${cpus()[0]?.model}, Linux ${release()}, node ${process.version}`);
const pinned = await measured(true);
const unpinned = await measured(false);
await stopServing();
process.stdout.write(`${JSON.stringify({ ...pinned, unpinned, rounds: counts.rounds })}\n`);

async function measured(isPinned: boolean): Promise<object> {
  const seen = new Map<Row, Times[]>(rows.map((row) => [row, []]));
  for (let round = 0; round < counts.rounds; round++)
    for (const row of rows) {
      seen.get(row)!.push(await once(row, isPinned));
      say(`${isPinned ? "pinned" : "unpinned"}, round ${round + 1}, ${titleOf(row)}: done`);
    }
  const bySize = Object.keys(sizes).map((size) => [size, figuresOf(size, seen)]);
  return { ...Object.fromEntries(bySize), inFlight: burstsOf(seen) };
}

async function once(row: Row, isPinned: boolean): Promise<Times> {
  const served = row.serves === null ? null : await startServing(row.serves, code);
  const environment = {
    INVOKE_PLAN: JSON.stringify(plan),
    INVOKE_IN_FLIGHT: String(callsInFlight),
    INVOKE_BURST: String(4 * counts.calls),
    ...(isPinned && { SERVER_CPU: String(serverCpu) }),
    ...environmentOf(row, served?.endpoint ?? null),
  };
  if (served !== null && isPinned) pin(served.runtime.child.pid!, serverCpu);
  const times = await timesOf(row, environment, isPinned ? clientCpu : null);
  await served?.end();
  served?.runtime.child.kill("SIGKILL");
  return times;
}

type Figures = Record<string, Record<string, Record<string, object | number>>>;

/** { raw: { node: { tcp, unix } }, lease: …, ratios: { node: { tcp, unix } } }, in microseconds. */
function figuresOf(size: string, seen: ReadonlyMap<Row, readonly Times[]>): object {
  const figures: Figures = {};
  const medians = new Map<string, number[]>();
  for (const [row, times] of seen) {
    const all = times.flatMap(({ tookUs }) => tookUs[size] ?? []);
    const { p50, p99 } = measuredPercentiles(titleOf(row), all);
    put(figures, row, { calls: all.length, p50us: rounded(p50), p99us: rounded(p99) });
    medians.set(
      titleOf(row),
      times.map(({ tookUs }) => median(tookUs[size]!)),
    );
  }
  return { ...figures, ratios: ratiosOf(medians) };
}

function put(figures: Figures, { kind, language, socket }: Row, figure: object | number): void {
  figures[kind] ??= {};
  figures[kind][language] = { ...figures[kind][language], [socket]: figure };
}

/** The median of the rounds' ratios to the bare ping-pong of the same round. */
function ratiosOf(medians: ReadonlyMap<string, readonly number[]>): object {
  const ratios: Figures = {};
  for (const row of rows) {
    const raw = medians.get(titleOf({ ...row, kind: "raw" }));
    if (row.kind !== "lease" || raw === undefined) continue;
    const each = medians.get(titleOf(row))!.map((value, at) => value / raw[at]!);
    put(ratios, row, rounded(median(each), 3));
  }
  return ratios.lease ?? {};
}

function burstsOf(seen: ReadonlyMap<Row, readonly Times[]>): object {
  const bursts: Record<string, number> = {};
  for (const [row, times] of seen) {
    const rates = times.flatMap(({ callsPerS }) => callsPerS ?? []);
    if (rates.length > 0) bursts[titleOf(row)] = Math.round(median(rates));
  }
  return bursts;
}
