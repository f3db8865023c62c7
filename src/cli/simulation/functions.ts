// `glean simulate --functions`: replays calls of functions under several ways of keeping workers
// warm.

import type { Command } from "commander";
import { monotonicMs } from "../../clock.js";
import { GleanerError } from "../../model/errors.js";
import type { FunctionReplay } from "../../sim/index.js";

import { json, print, table } from "../output.js";
import { parseMemoryMb } from "../values.js";
import { Progress } from "./progress.js";
import { parseMs, parseWhole } from "./values.js";

export interface FunctionOptions {
  readonly functions?: string;
  readonly workerMemory: string;
  readonly coldStart?: string;
  readonly keepAlive: string;
  readonly minWarm: string;
  readonly idleTimeout?: string;
  readonly json?: boolean;
}

/** A Python worker that imports a few modules. */
const usualColdStartMs = 500;
const maxMinWarm = 1_000;

export function addFunctionOptions(command: Command): void {
  command
    .option(
      "--functions <FILE>",
      "a trace as --invocations has it: compare ways to keep workers warm",
    )
    .option("--worker-memory <SIZE>", "memory of each worker, with --functions", "256M")
    .option(
      "--keep-alive <TIME>",
      "fixed keep-alive to compare with, and to spend no more than",
      "10m",
    )
    .option("--min-warm <N>", "workers that each function always has, with --functions", "0")
    .option("--idle-timeout <TIME>", "stop workers that are idle this long, whatever was learned");
}

/** The traces and outputs that --functions does not have. */
const others = [
  "holes",
  "swf",
  "sacct",
  "machines",
  "nodes",
  "cores-per-node",
  "invocations",
  "policy",
  "sweep",
  "csv",
  "html",
  "node-csv",
  "sample",
] as const;

/** Throws BAD_REQUEST for options of other replays. */
export async function simulateFunctions(file: string, options: FunctionOptions): Promise<void> {
  const given = options as unknown as Readonly<Record<string, unknown>>;
  for (const name of others)
    if (given[name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())] !== undefined)
      throw new GleanerError("BAD_REQUEST", `--functions replays calls alone: omit --${name}`);
  const settings = settingsFrom(options);
  const sim = await import("../../sim/index.js");
  const startedMs = monotonicMs();
  const trace = await sim.readFunctionTrace(sim.linesOf(file));
  const progress = new Progress();
  const replay = sim.replayFunctions(trace, settings, (share) => progress.at(0, share));
  const wallMs = monotonicMs() - startedMs;
  const maxRssMb = Math.round(process.resourceUsage().maxRSS / 1_024);
  print(options.json ? json({ ...replay, wallMs, maxRssMb }) : renderReplay(replay));
}

function settingsFrom(options: FunctionOptions): FunctionReplay["settings"] {
  const { workerMemory, coldStart, keepAlive, minWarm, idleTimeout } = options;
  return {
    memoryMb: parseMemoryMb(workerMemory, "--worker-memory"),
    coldStartMs: coldStart === undefined ? usualColdStartMs : parseMs(coldStart, "--cold-start", 0),
    keepAlive: {
      keepAliveMs: parseMs(keepAlive, "--keep-alive", 1),
      minWarm: parseWhole(minWarm, "--min-warm", maxMinWarm),
      idleTimeoutMs: idleTimeout === undefined ? null : parseMs(idleTimeout, "--idle-timeout", 0),
    },
  };
}

type Policy = FunctionReplay["policies"][number];

const titles: Readonly<Record<Policy["policy"], string>> = {
  gleaner: "gleaner",
  fixedKeepAlive: "fixed keep-alive",
  noKeepAlive: "no keep-alive",
  perfectKnowledge: "perfect knowledge",
};

const count = (value: number): string => value.toLocaleString("en-US");
const gbHours = (mbSeconds: number): string => (mbSeconds / 1_024 / 3_600).toFixed(3);

function renderReplay(replay: FunctionReplay): string {
  const figures: { name: string; text: (policy: Policy) => string }[] = [
    { name: "Calls", text: () => count(replay.calls) },
    { name: "Cold starts", text: (p) => count(p.coldStarts) },
    { name: "  of workers never there before", text: (p) => count(p.firstUses) },
    { name: "Cold-start share", text: (p) => p.coldStartShare.toFixed(4) },
    { name: "Workers started ahead", text: (p) => count(p.startedAhead) },
    { name: "Idle memory-time (GB-hours)", text: (p) => gbHours(p.idleMbSeconds) },
  ];
  const columns = [
    { title: "", text: ({ name }: (typeof figures)[number]) => name },
    ...replay.policies.map((policy) => ({
      title: titles[policy.policy],
      text: ({ text }: (typeof figures)[number]) => text(policy),
      right: true,
    })),
  ];
  const { memoryMb, coldStartMs } = replay.settings;
  const functions = replay.functions === 1 ? "1 function" : `${count(replay.functions)} functions`;
  const hours = (replay.lengthMs / 3_600_000).toFixed(2);
  return [
    table(figures, columns, true),
    `\n${functions} in ${hours} hours. Each worker has ${memoryMb} MB and starts in ${coldStartMs} ms.\n`,
    ...replay.skipped.map(
      ({ reason, lines, firstLine }) =>
        `Skipped ${lines === 1 ? "1 line" : `${lines} lines`}: ${reason}, first on line ${firstLine}.\n`,
    ),
  ].join("");
}
