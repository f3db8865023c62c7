// Times calls over a lease beside a bare ping-pong over the same kind of socket in the same
// language, in turn, pinned to two cores and not: [--calls N] [--rounds N] [--rows NAME,...]
// [--sizes NAME,...].

import { existsSync, readdirSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { stopServing } from "../../../test/support/runtimes/serving.js";
import { integer, readOptions, refuse } from "../../lib/options.js";
import { rounded, say } from "../lib/harness.js";
import { figuresOf, ratesOf, type Seen } from "./figures.js";
import { type Row, type RowModule, type Times, timesOf, titleOf } from "./row.js";

/** A module of `measures/`: figures that are no row, made by `--NAME` in place of the rows. */
interface MeasureModule {
  measure(): Promise<object>;
}

const allSizes = { "1B": 1, "1KiB": 1_024, "100KiB": 102_400, "1MiB": 1 << 20, "5MiB": 5 << 20 };
const maxSmall = 1_024;
/** Large messages take longer; as many bytes as these calls have in all are enough. */
const largeBytes = 2 ** 30;
const leastCalls = 100;
const callsInFlight = 64;
const clientCpu = 0;
const serverCpu = 1;

const measures = namesIn("measures");
const values = optionsGiven();
const calls = integer("calls", String(values.calls));
const rounds = integer("rounds", String(values.rounds));
const sizes = chosen("sizes", Object.keys(allSizes)) as (keyof typeof allSizes)[];

say(`${cpus().length} x ${cpus()[0]?.model}, Linux ${release()}, node ${process.version}`);
const measure = measures.find((name) => values[name]);
const loadBefore = loadavg()[0]!;
const figures = measure === undefined ? await rowFigures() : await measureFigures(measure);
await stopServing();
const load = [loadBefore, loadavg()[0]!].map((each) => rounded(each));
process.stdout.write(`${JSON.stringify({ ...figures, load })}\n`);

function optionsGiven() {
  const counts = {
    calls: { type: "string", default: "20000" },
    rounds: { type: "string", default: "3" },
    rows: { type: "string" },
    sizes: { type: "string" },
  } as const;
  const switches = Object.fromEntries(measures.map((name) => [name, { type: "boolean" as const }]));
  return readOptions({ options: { ...switches, ...counts } }).values as Record<string, unknown>;
}

/** Names of the modules in a folder beside this file. */
function namesIn(folder: string): string[] {
  const path = new URL(`${folder}/`, import.meta.url);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.slice(0, -".ts".length));
}

/** All if the option is omitted. */
function chosen(option: string, known: readonly string[]): readonly string[] {
  const names = values[option] === undefined ? known : String(values[option]).split(",");
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return names;
  return refuse(`invalid value "${unknown}" of --${option}: expected ${known.join(", ")}`);
}

async function measureFigures(name: string): Promise<object> {
  const module: MeasureModule = await import(`./measures/${name}.ts`);
  return module.measure();
}

async function rowFigures(): Promise<object> {
  const names = chosen("rows", namesIn("rows"));
  const modules = await Promise.all(
    names.map((name) => import(`./rows/${name}.ts`) as Promise<RowModule>),
  );
  const rows = modules.flatMap((module) => module.rows);
  try {
    const pinned = await measured(rows, true);
    const unpinned = await measured(rows, false);
    return { ...pinned, unpinned, rounds };
  } finally {
    for (const module of modules) await module.close?.();
  }
}

async function measured(rows: readonly Row[], isPinned: boolean): Promise<object> {
  const seen = new Map<Row, Times[]>(rows.map((row) => [row, []]));
  for (let round = 1; round <= rounds; round++)
    for (const row of rows) {
      seen.get(row)!.push(await once(row, isPinned));
      say(`${isPinned ? "pinned" : "unpinned"}, round ${round}, ${titleOf(row)}: done`);
    }
  return { ...bySize(seen), inFlight: ratesOf(seen) };
}

function bySize(seen: Seen): object {
  return Object.fromEntries(sizes.map((size) => [size, figuresOf(size, seen)]));
}

async function once(row: Row, isPinned: boolean): Promise<Times> {
  const served = (await row.serve?.(isPinned ? serverCpu : null)) ?? null;
  try {
    const environment = { ...planned(), ...served?.environment };
    const pinned = isPinned ? { SERVER_CPU: String(serverCpu) } : {};
    return await timesOf(row, { ...environment, ...pinned }, isPinned ? clientCpu : null);
  } finally {
    await served?.stop();
  }
}

function planned(): Record<string, string> {
  const plan = sizes.map((name) => {
    const bytes = allSizes[name];
    const large = Math.max(leastCalls, Math.min(calls, Math.ceil(largeBytes / bytes / 2)));
    const inAll = bytes <= maxSmall ? calls : Math.min(large, calls);
    return `${name} ${bytes} ${Math.ceil(inAll / rounds)}`;
  });
  return {
    INVOKE_PLAN: plan.join("\n"),
    INVOKE_IN_FLIGHT: String(callsInFlight),
    INVOKE_BURST: String(4 * calls),
  };
}
