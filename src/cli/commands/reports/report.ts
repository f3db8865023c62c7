// `glean report`: utilization (idle time and its use), idle (why it was not used) and prediction
// (how long holes last).

import { GleanerError } from "../../../model/errors.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { chosenPeriod } from "../../filters.js";
import { type Forms, requireOneForm, savePage } from "../../forms.js";
import { json, print } from "../../output.js";
import { quoted } from "../../values.js";

interface Options extends Forms {
  readonly starttime?: string;
  readonly endtime?: string;
}

export const define: Define = (command, run) => {
  command
    .argument(
      "<kind>",
      "utilization; idle: how idle core-time was spent; prediction: how accurately the ends of holes were predicted",
    )
    .option(
      "-S, --starttime <TIME>",
      "start of the period (default: the recorded part of the last 24 hours)",
    )
    .option("-E, --endtime <TIME>", "end of the period (default: now)")
    .option("--html <FILE>", "write a self-contained page with plots to this file")
    .option("--csv", "comma-separated values")
    .option("--json", "one JSON document")
    .addHelpText("after", "\nTimes: YYYY-MM-DD[THH:MM[:SS]], HH:MM, today, now-2hours")
    .action(run(report));
};

async function report(context: Context, kind: string, options: Options): Promise<number> {
  if (kind === "prediction") return prediction(context, options);
  if (kind !== "utilization" && kind !== "idle")
    throw new GleanerError(
      "BAD_REQUEST",
      `unknown report ${quoted(kind)}: expected utilization, idle or prediction`,
    );
  requireOneForm(options);
  const period = chosenPeriod(options);
  const figures = await (await context.client()).utilization(period);
  if (options.json && kind === "utilization") {
    print(json(figures));
    return exitStatus.done;
  }
  const report = await import("../../../report/index.js");
  if (options.html !== undefined)
    savePage(options.html, report.renderUtilizationHtml(figures, "Gleaner: idle time and its use"));
  else if (kind === "utilization")
    print((options.csv ? report.renderUtilizationCsv : report.renderUtilizationText)(figures));
  else if (options.json) print(json(report.idleReport(figures)));
  else print((options.csv ? report.renderIdleCsv : report.renderIdleText)(figures));
  return exitStatus.done;
}

async function prediction(context: Context, options: Options): Promise<number> {
  const { json: asJson, ...others } = options;
  if (Object.values(others).some((each) => each !== undefined))
    throw new GleanerError(
      "BAD_REQUEST",
      "the prediction report takes only --json: remove the other options",
    );
  const report = await (await context.client()).prediction();
  if (asJson) print(json(report));
  else print((await import("../../../report/index.js")).renderPredictionText(report));
  return exitStatus.done;
}
