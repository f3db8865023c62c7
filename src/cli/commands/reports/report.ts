// `glean report`: utilization (how much was idle and what became of it), idle (why it was not used), prediction (how long holes last).

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
      "utilization; idle: where idle core-time went; prediction: how well the ends of holes were foreseen",
    )
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
  if (kind !== "utilization" && kind !== "idle")
    throw new GleanerError(
      "BAD_REQUEST",
      `there is no report ${quoted(kind)}: write utilization, idle or prediction`,
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
    savePage(
      options.html,
      report.renderUtilizationHtml(figures, "Gleaner: what was idle, and what became of it"),
    );
  else if (kind === "utilization")
    print((options.csv ? report.renderUtilizationCsv : report.renderUtilizationText)(figures));
  else if (options.json) print(json(report.idleReport(figures)));
  else print((options.csv ? report.renderIdleCsv : report.renderIdleText)(figures));
  return exitStatus.done;
}

async function prediction(context: Context, options: Options): Promise<number> {
  const { json: asJson, ...others } = options;
  if (Object.values(others).some((each) => each !== undefined))
    throw new GleanerError("BAD_REQUEST", "the prediction report takes --json and nothing else");
  const report = await (await context.client()).prediction();
  if (asJson) print(json(report));
  else print((await import("../../../report/index.js")).renderPredictionText(report));
  return exitStatus.done;
}
