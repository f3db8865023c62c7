// `glean simulate`: replays a site's own records to show what Gleaner would have harvested there.

import { GleanerError } from "../../../model/errors.js";
import type { Simulated, Trace } from "../../../sim/index.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { type Forms, requireOneForm, saveFile, savePage } from "../../forms.js";
import { complain, json, print } from "../../output.js";
import { type DayEstimate, dateOf, estimateLine, estimatesOf } from "../../simulation/days.js";
import {
  addFunctionOptions,
  type FunctionOptions,
  simulateFunctions,
} from "../../simulation/functions.js";
import {
  costsFrom,
  type DemandOptions,
  demandFrom,
  sweepable,
  type TraceOptions,
  tracedCalls,
  tracesFrom,
} from "../../simulation/inputs.js";
import { addDemandOptions, addTraceOptions, collect } from "../../simulation/options.js";
import { noteLines, type Run, renderRuns, renderRunsCsv } from "../../simulation/output.js";
import { type AssumedRun, factsOf } from "../../simulation/page.js";
import { Progress } from "../../simulation/progress.js";
import { runReplays } from "../../simulation/replays.js";
import { parseSeed, parseSweep } from "../../simulation/values.js";

interface Options extends TraceOptions, DemandOptions, FunctionOptions, Forms {
  readonly policy?: readonly string[];
  readonly sweep?: string;
  readonly nodeCsv?: string;
  readonly seed: string;
}

const help = `
Times: 250ms, 2s, 5m, 1h. Costs that are not given come from figures of real Slurm, except --reaction, which is calculated.

Examples:
  TZ=UTC sacct -aXPT -S 2026-01-01 -E 2026-02-01 \\
    -o jobid,jobidraw,start,end,elapsedraw,state,alloccpus,alloctres,nodelist > jobs
  scontrol -o show node > nodes
  TZ=UTC sacctmgr -P show event start=2026-01-01 end=2026-02-01 > outages
  TZ=UTC sacctmgr -P show reservation start=2026-01-01 end=2026-02-01 \\
    format=cluster,name,nodenames,start,end > reserved
  glean simulate --sacct jobs --machines nodes --outages outages --outages reserved \\
    --from 2026-01-01 --to 2026-02-01
  glean simulate --holes holes.csv --cores-per-node 24 --policy prediction --policy none
  glean simulate --swf trace.swf.gz --machines machines --sweep poll=1s,5s,30s
  glean simulate --functions calls.csv --worker-memory 512M`;

export const define: Define = (command, run) => {
  addTraceOptions(command);
  addDemandOptions(command);
  command
    .option(
      "--policy <NAME>",
      "prediction, none, checkpoint, whole-nodes or known-ends; may be repeated",
      collect,
    )
    .option("--sweep <NAME=VALUES>", "run once for each value of one option: poll=1s,5s,30s")
    .option("--seed <N>", "seed of the random numbers", "1");
  addFunctionOptions(command);
  command
    .option("--html <FILE>", "write a page with the figures and all assumptions to this file")
    .option("--node-csv <FILE>", "write the core-time of each node to this file")
    .option("--csv", "comma-separated values, one line for each run")
    .option("--json", "one JSON document")
    .addHelpText("after", help)
    .action(run(simulateCommand));
};

async function simulateCommand(_context: Context, options: Options): Promise<number> {
  requireOneForm(options);
  if (options.functions !== undefined) {
    await simulateFunctions(options.functions, options);
    return exitStatus.done;
  }
  const module = await import("../../../sim/index.js");
  const variants = variantsOf(options);
  const names = options.policy ?? ["prediction"];
  const files = [
    ["--html", options.html],
    ["--node-csv", options.nodeCsv],
  ];
  for (const [option, file] of files)
    if (file !== undefined && (variants.length * names.length > 1 || isOfDays(options)))
      throw new GleanerError(
        "BAD_REQUEST",
        `${option} shows one run: give one --policy, no --sweep and no --sample of days`,
      );
  const seed = parseSeed(options.seed);
  const progress = new Progress();
  const linesOf = (file: string) => module.linesOf(file, (bytes) => progress.reading(file, bytes));
  const sim = { ...module, linesOf };
  const policies = names.map(sim.policyNamed);
  const traced = await tracedCalls(options, sim);
  const settings = variants.map((variant) => ({
    demand: demandFrom(variant.options, traced),
    costs: costsFrom(variant.options, sim.measuredCosts),
    label: variant.label,
  }));
  const sampled = await tracesFrom(options, seed, sim);
  const traces = sampled.traces.map((trace) =>
    withSkipped(trace, traced ?? { skipped: {}, firstSkipped: {} }),
  );
  const orders = policies.flatMap((policy) =>
    settings.flatMap(({ demand, costs, label }) =>
      traces.map((trace) => {
        const day = sampled.ofDays === null ? null : dateOf(trace.fromMs);
        const name = [policy.name, label].filter((part) => part !== null).join(" ");
        return { label: name, day, trace, demand, costs, policy, seed };
      }),
    ),
  );
  const simulated = await runReplays(orders, progress, sim.simulate);
  const maxRssMb = Math.round(process.resourceUsage().maxRSS / 1_024);
  const runs = simulated.map(({ result, utilization, wallMs }, index): Replayed => {
    const order = orders[index]!;
    const label = order.day === null ? order.label : `${order.label} ${order.day}`;
    return { ...order, label, result: { ...result, wallMs, maxRssMb }, utilization };
  });
  const estimates =
    sampled.ofDays === null ? [] : estimatesOf(orders, simulated, sampled.ofDays, sim.estimateOf);
  await write(runs, estimates, options);
  return exitStatus.done;
}

const isOfDays = ({ sample }: Options): boolean => sample?.endsWith("d") === true;

/** Returns the options of each run: one for each value of the sweep, if there is one. */
function variantsOf(options: Options): { options: Options; label: string | null }[] {
  if (options.sweep === undefined) return [{ options, label: null }];
  const { option, values } = parseSweep(options.sweep, Object.keys(sweepable));
  return values.map((value) => ({
    options: { ...options, [sweepable[option]!]: value },
    label: `${option}=${value}`,
  }));
}

/** Adds the skipped records of the trace of invocations to the others. */
function withSkipped(trace: Trace, calls: CallNotes): Trace {
  const of = <T>(all: Readonly<Record<string, T>>) =>
    Object.fromEntries(
      Object.entries(all).map(([reason, each]) => [`invocations: ${reason}`, each]),
    );
  const skipped = { ...trace.notes.skipped, ...of(calls.skipped) };
  const firstSkipped = { ...trace.notes.firstSkipped, ...of(calls.firstSkipped) };
  return { ...trace, notes: { ...trace.notes, skipped, firstSkipped } };
}

type CallNotes = Pick<
  NonNullable<Awaited<ReturnType<typeof tracedCalls>>>,
  "skipped" | "firstSkipped"
>;

type Replayed = Run & AssumedRun & Pick<Simulated, "utilization">;

async function write(
  runs: readonly Replayed[],
  estimates: readonly DayEstimate[],
  options: Options,
): Promise<void> {
  const [first] = runs;
  const sentences = estimates.map(estimateLine);
  if (options.json) {
    const all = runs.map(({ label, result }) => ({ run: label, ...result }));
    const more = estimates.length === 0 ? {} : { estimates };
    print(json(all.length === 1 ? first!.result : { runs: all, ...more }));
  } else if (options.csv) {
    print(renderRunsCsv(runs));
    // Not in the file, where each line is a run.
    for (const line of [...sentences, ...noteLines(first!.result)]) complain(line);
  } else print(renderRuns(runs) + sentences.map((line) => `${line}\n`).join(""));
  const { html, nodeCsv } = options;
  if (html === undefined && nodeCsv === undefined) return;
  const report = await import("../../../report/index.js");
  const { utilization } = first!;
  if (html !== undefined)
    savePage(html, report.renderSimulationHtml(utilization, factsOf(first!, options)));
  if (nodeCsv !== undefined)
    saveFile(
      nodeCsv,
      report.renderUtilizationCsv(utilization),
      "the figures of nodes",
      "--node-csv",
    );
}
