// `glean report utilization`: how much was idle and what became of it, as text, JSON, CSV or one HTML page; `prediction`: how long holes last.

import { writeFileSync } from "node:fs";
import { GleanerError, messageOf } from "../../model/errors.js";
import { type Context, type Define, exitStatus } from "../context.js";
import { chosenPeriod } from "../filters.js";
import { json, print } from "../output.js";
import { quoted } from "../values.js";

interface Options {
  readonly starttime?: string;
  readonly endtime?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly html?: string;
}

export const define: Define = (command, run) => {
  command
    .argument("<kind>", "utilization, or prediction: how well the ends of holes were foreseen")
    .option(
      "-S, --starttime <TIME>",
      "since then (default: the last 24 hours, or what was recorded of them)",
    )
    .option("-E, --endtime <TIME>", "until then (default: now)")
    .option("--html <FILE>", "write one page with plots, which needs nothing else, to this file")
    .option("--csv", "comma-separated values")
    .option("--json", "one JSON document")
    .addHelpText("after", "\nTimes: YYYY-MM-DD[THH:MM[:SS]], HH:MM, today, now-2hours")
    .action(run(report));
};

async function report(context: Context, kind: string, options: Options): Promise<number> {
  if (kind === "prediction") return prediction(context, options);
  if (kind !== "utilization")
    throw new GleanerError(
      "BAD_REQUEST",
      `there is no report ${quoted(kind)}: write utilization or prediction`,
    );
  if ([options.json, options.csv, options.html].filter((each) => each !== undefined).length > 1)
    throw new GleanerError("BAD_REQUEST", "--json, --csv and --html exclude each other: take one");
  const period = chosenPeriod(options);
  const utilization = await (await context.client()).utilization(period);
  if (options.json) {
    print(json(utilization));
    return exitStatus.done;
  }
  const { renderUtilizationCsv, renderUtilizationHtml, renderUtilizationText } = await import(
    "../../report/index.js"
  );
  if (options.html !== undefined)
    save(
      options.html,
      renderUtilizationHtml(utilization, "Gleaner: what was idle, and what became of it"),
    );
  else print((options.csv ? renderUtilizationCsv : renderUtilizationText)(utilization));
  return exitStatus.done;
}

async function prediction(context: Context, options: Options): Promise<number> {
  const { json: asJson, ...others } = options;
  if (Object.values(others).some((each) => each !== undefined))
    throw new GleanerError("BAD_REQUEST", "the prediction report takes --json and nothing else");
  const report = await (await context.client()).prediction();
  if (asJson) print(json(report));
  else print((await import("../../report/index.js")).renderPredictionText(report));
  return exitStatus.done;
}

function save(file: string, page: string): void {
  try {
    writeFileSync(file, page);
  } catch (cause) {
    throw new GleanerError(
      "STORE",
      `cannot write the page (${messageOf(cause)}): name a file you may write after --html`,
      { cause },
    );
  }
  print(`Wrote ${file}\n`);
}
