// The rooms of src/: which room of a part may import which other one, no circles, and how many
// files lie beside each other.

import { posix } from "node:path";
import { importsOf } from "./imports.js";
import { type Complaint, complain, type Source } from "./source.js";

/** More than these are not found by looking. */
const maxBeside = 15;

/**
 * What each room may import of its own part: rooms, and files that lie in the part's own folder by
 * their names. Those files may import all of their part, and parts without a line here all of
 * themselves, as long as there is no circle.
 */
export const allowedRooms: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  core: {
    accounting: [],
    forecast: [],
    functions: [],
    "functions/pool": [],
    ports: [],
    explain: ["accounting"],
    placement: ["forecast"],
    scheduling: ["submission"],
    submission: ["forecast"],
    capacity: ["forecast", "placement", "explain"],
  },
  daemon: {
    auth: [],
    carried: [],
    state: ["carried"],
    scheduling: ["invocations", "state"],
    records: ["auth", "state"],
    "invocations/ends": ["state"],
    "invocations/orders": ["invocations/ends", "state"],
    invocations: ["carried", "invocations/ends", "invocations/orders", "state"],
    functions: ["auth", "carried", "records", "state"],
    "functions/warm": ["auth", "records", "state"],
    leases: ["state"],
    executors: ["auth", "carried", "invocations", "invocations/ends", "leases", "records", "state"],
    capacity: ["executors", "invocations", "records", "state"],
    "api/server": ["api", "auth"],
    "api/calls": ["api", "api/server", "auth", "carried", "functions", "invocations", "state"],
    "api/maps": ["api", "api/calls", "api/server", "functions"],
    "api/leases": ["api", "api/calls", "api/server", "auth", "leases"],
    "api/reports": ["api/server"],
    api: [
      "api/calls",
      "api/reports",
      "api/server",
      "auth",
      "capacity",
      "executors",
      "functions",
      "invocations",
      "invocations/ends",
      "records",
      "scheduling",
      "state",
    ],
    startup: [
      "auth",
      "capacity",
      "carried",
      "executors",
      "functions",
      "invocations",
      "invocations/ends",
      "leases",
      "records",
      "scheduling",
      "state",
    ],
  },
  executor: {
    node: [],
    "containment/trees": [],
    containment: ["containment/trees", "node"],
    runtimes: ["containment", "node"],
    budget: ["containment", "node"],
    hook: ["budget", "node", "log"],
    "workers/standby": ["containment", "node", "runtimes"],
    "workers/payloads": [],
    "workers/work": ["workers/payloads"],
    "workers/seats": [
      "containment",
      "runtimes",
      "workers/payloads",
      "workers/standby",
      "workers/work",
    ],
    workers: [
      "containment",
      "node",
      "runtimes",
      "workers/payloads",
      "workers/standby",
      "workers/work",
      "workers/seats",
    ],
    steps: ["workers"],
    attempts: ["budget", "containment", "node", "runtimes"],
    connection: ["attempts"],
    pilot: [
      "attempts",
      "budget",
      "connection",
      "containment",
      "hook",
      "node",
      "runtimes",
      "steps",
      "workers",
      "executor",
      "log",
    ],
  },
  runtimes: {
    node: ["node/serving"],
    "node/serving": ["node"],
  },
  cli: {
    batch: ["batch/options", "bounded-read", "values", "when"],
    "batch/options": ["batch", "parse-when", "values"],
    formats: ["filters", "output", "values", "when", "width"],
    calls: ["bounded-read", "context", "output", "values", "wait"],
    simulation: ["output", "values"],
    run: ["batch", "batch/options", "command-line", "context", "output", "values"],
    functions: ["bounded-read", "calls", "context", "output", "values", "wait"],
    setup: [],
    ask: [],
    slurm: [
      "batch",
      "batch/options",
      "context",
      "filters",
      "formats",
      "newest",
      "output",
      "parse-when",
      "values",
      "when",
      "width",
    ],
    program: [
      "ask",
      "commands/functions",
      "commands/reports",
      "commands/site",
      "commands/work",
      "context",
      "output",
    ],
    "commands/functions": [
      "calls",
      "context",
      "filters",
      "functions",
      "output",
      "values",
      "wait",
      "when",
    ],
    "commands/work": [
      "batch",
      "batch/options",
      "calls",
      "command-line",
      "context",
      "filters",
      "formats",
      "functions",
      "newest",
      "output",
      "parse-when",
      "run",
      "slurm",
      "values",
      "wait",
      "when",
    ],
    "commands/site": ["context", "filters", "nodes", "output", "setup", "slurm", "values", "when"],
    "commands/reports": [
      "batch",
      "context",
      "filters",
      "forms",
      "output",
      "simulation",
      "trace-events",
      "values",
      "when",
    ],
  },
  sim: {
    site: ["random"],
    work: ["learner", "random"],
    inputs: ["site", "work"],
    figures: ["site", "work", "costs"],
    "inputs/jobs": ["inputs", "site"],
    functions: ["inputs"],
  },
};

/** Complaints about one file's imports from other rooms of its part. */
export function checkRooms(source: Source): Complaint[] {
  const [, part = ""] = source.path.split("/");
  const rooms = allowedRooms[part];
  const room = roomOf(source.path);
  if (rooms === undefined || isOfPart(source.path)) return [];
  const allowed = rooms[room];
  if (allowed === undefined)
    return [complain(source, 1, `is in src/${part}/${room}, which has no line in allowedRooms`)];
  return targetsOf(source).flatMap(({ path, line }) => {
    const to = roomOf(path);
    if (!path.startsWith(`src/${part}/`) || to === room || allowed.includes(to)) return [];
    const known = allowed.join(", ") || "no other room";
    const sentence = `${part}/${room} imports ${part}/${to}, but may import only ${known}: pass the thing in, or move it`;
    return [complain(source, line, sentence)];
  });
}

/**
 * Files that import each other in a circle, and rooms that do, by types too: a complaint for each
 * circle.
 */
export function findCircles(sources: readonly Source[]): Complaint[] {
  const files = new Map<string, Set<string>>();
  for (const source of sources)
    files.set(source.path, new Set(targetsOf(source).map(({ path }) => path)));
  const mixed = new Set(sources.map(({ path }) => posix.dirname(posix.dirname(path))));
  // A file beside rooms counts by itself: it may stand above some of them and below others.
  const unitOf = (path: string) => (mixed.has(posix.dirname(path)) ? path : posix.dirname(path));
  const rooms = new Map<string, Set<string>>();
  for (const [path, targets] of files) {
    const unit = unitOf(path);
    const known = rooms.get(unit) ?? new Set();
    for (const target of targets) if (unitOf(target) !== unit) known.add(unitOf(target));
    rooms.set(unit, known);
  }
  return [...circlesIn(files), ...circlesIn(rooms)].map(
    (circle) =>
      `${circle[0]}: imports itself by way of ${circle.slice(1).join(", ")}: move what both need into a file of its own`,
  );
}

/** man(1) wants all pages of a chapter in one folder; they are generated. */
const isManual = /^man\//;

/** Folders with too many files. */
export function findCrowds(sources: readonly Source[]): Complaint[] {
  const counts = new Map<string, number>();
  for (const { path } of sources.filter(({ path }) => !isManual.test(path)))
    counts.set(posix.dirname(path), (counts.get(posix.dirname(path)) ?? 0) + 1);
  return [...counts]
    .filter(([, count]) => count > maxBeside)
    .map(
      ([folder, count]) =>
        `${folder}: has ${count} files beside each other, ${maxBeside} is the most: sort them by subject`,
    );
}

/** The files of src/ that a file imports. */
function targetsOf(source: Source): readonly { readonly path: string; readonly line: number }[] {
  return importsOf(source)
    .filter(({ name }) => name.startsWith("."))
    .map(({ name, line }) => ({
      path: posix.join(posix.dirname(source.path), name).replace(/\.js$/, ".ts"),
      line,
    }));
}

/** Whether a file lies in its part's own folder. */
const isOfPart = (path: string): boolean => path.split("/").length <= 3;

/**
 * `capacity` of src/core/capacity/plan.ts, `api/server` of a file there, `executor` of
 * src/executor/executor.ts.
 */
const roomOf = (path: string): string =>
  isOfPart(path) ? posix.basename(path, ".ts") : posix.dirname(path).split("/").slice(2).join("/");

/** The circles of a graph, each as a way from its first node back to that. */
function circlesIn(graph: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const circles: string[][] = [];
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (node: string): void => {
    const at = way.indexOf(node);
    if (at >= 0) circles.push([...way.slice(at), node]);
    if (at >= 0 || done.has(node)) return;
    way.push(node);
    for (const next of graph.get(node) ?? []) visit(next);
    way.pop();
    done.add(node);
  };
  for (const node of graph.keys()) visit(node);
  return circles;
}
