// Measures how many small changes of the program the fast tests detect: [--seed 1] [--sample 100]
// [--room core,daemon,executor,wire].

import { cpus, release } from "node:os";
import { integer, readOptions, refuse } from "../../lib/options.js";
import { preciseMs, rounded, say } from "../lib/harness.js";
import { Compiler } from "./compiles.js";
import { measureReach, type Reach } from "./reach.js";
import { endCurrent, runTests } from "./run.js";
import { filesBelow, type Mutant, makeSandbox, type Sandbox, shuffled } from "./sandbox.js";

const bar = 0.85;
const knownRooms = ["core", "daemon", "executor", "wire"];
/** Its subject is the fault simulation itself: whether that detects planted faults. */
const otherSubject = "test/property/faults-planted.test.ts";
const switchName = "__STRYKER_ACTIVE_MUTANT__";
const interruptedStatus = 130;

const { values } = readOptions({
  options: {
    seed: { type: "string", default: "1" },
    sample: { type: "string", default: "100" },
    room: { type: "string", default: knownRooms.join(",") },
  },
});
const seed = integer("seed", values.seed);
const sample = integer("sample", values.sample);
const rooms = values.room.split(",");
const unknown = rooms.find((room) => !knownRooms.includes(room));
if (unknown !== undefined)
  refuse(`invalid value "${unknown}" of --room: expected some of ${knownRooms.join(", ")}`);

type End = "killed" | "timedOut" | "survived" | "noCoverage";

interface Tried {
  readonly mutant: Mutant;
  readonly end: End;
}

const startedMs = preciseMs();
say(`${cpus().length} x ${cpus()[0]?.model}, Linux ${release()}, node ${process.version}`);
const sandbox = await makeSandbox(rooms);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
  process.once(signal, () => {
    endCurrent();
    sandbox.remove();
    process.exit(interruptedStatus);
  });
try {
  const result = await measure(sandbox);
  process.stdout.write(`${JSON.stringify(result)}\n`);
} finally {
  sandbox.remove();
}

async function measure({ folder, mutants, stopCounting }: Sandbox): Promise<object> {
  const compiler = new Compiler(filesBelow("src"));
  say(`made ${mutants.length} mutants; finding out which of them the tests reach`);
  const tests = ["test/unit", "test/property"]
    .flatMap((tree) => filesBelow(tree, ".test.ts"))
    .filter((path) => path !== otherSubject);
  const reach = await measureReach(folder, tests, say);
  stopCounting();
  for (const file of reach.leftOut) say(`omitted because it fails in the sandbox: ${file}`);
  const byRoom: Record<string, ReturnType<typeof figuresOf>> = {};
  for (const room of rooms) {
    const all = shuffled(
      mutants.filter((mutant) => mutant.room === room),
      seed,
    );
    byRoom[room] = figuresOf(await tryAll(folder, firstCompiling(all, compiler), reach));
  }
  const minutes = rounded((preciseMs() - startedMs) / 60_000, 1);
  const withinBar = Object.values(byRoom).every(({ score }) => score >= bar);
  return { seed, sample, rooms: byRoom, leftOut: reach.leftOut.length, bar, withinBar, minutes };
}

function firstCompiling(ordered: readonly Mutant[], compiler: Compiler): Mutant[] {
  const found: Mutant[] = [];
  for (let from = 0; from < ordered.length && found.length < sample; from += sample)
    found.push(...compiler.compiling(ordered.slice(from, from + sample)));
  return found.slice(0, sample);
}

async function tryAll(folder: string, chosen: readonly Mutant[], reach: Reach): Promise<Tried[]> {
  const tried: Tried[] = [];
  for (const mutant of chosen) {
    const sinceMs = preciseMs();
    const { end, by } = await tryOne(folder, mutant, reach);
    tried.push({ mutant, end });
    const seconds = rounded((preciseMs() - sinceMs) / 1_000, 1);
    say(`${tried.length}/${chosen.length} ${end} ${nameOf(mutant)} (${by}, ${seconds} s)`);
  }
  return tried;
}

async function tryOne(
  folder: string,
  mutant: Mutant,
  reach: Reach,
): Promise<{ readonly end: End; readonly by: string }> {
  const files = reach.filesOf(mutant.id);
  if (files.length === 0) return { end: "noCoverage", by: "no test reaches it" };
  const outcome = await runTests(folder, files, { [switchName]: mutant.id });
  if (outcome.kind === "passed") return { end: "survived", by: `${files.length} files pass` };
  if (outcome.kind === "hung") return { end: "timedOut", by: outcome.file };
  return { end: "killed", by: `${outcome.file}: ${outcome.test}` };
}

function nameOf({ file, line, column, mutator, original, replacement }: Mutant): string {
  return `${file}:${line}:${column} ${mutator}: ${onOneLine(original)} -> ${onOneLine(replacement)}`;
}

function onOneLine(text: string): string {
  const joined = text.replace(/\s+/g, " ");
  return joined.length <= 120 ? joined : `${joined.slice(0, 117)}...`;
}

function figuresOf(tried: readonly Tried[]) {
  const count = (wanted: End) => tried.filter(({ end }) => end === wanted).length;
  const found = count("killed") + count("timedOut");
  return {
    mutants: tried.length,
    killed: count("killed"),
    timedOut: count("timedOut"),
    survived: count("survived"),
    noCoverage: count("noCoverage"),
    score: rounded(found / tried.length, 3),
  };
}
