// `glean report`: utilization (idle time and its use), idle (why it was not used), prediction (how
// long holes last) and adoption (which options of submissions were refused).

import { GleanerError } from "../../../model/errors.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { chosenPeriod } from "../../filters.js";
import { type Forms, requireOneForm, savePage } from "../../forms.js";
import { json, print, table } from "../../output.js";
import { quoted } from "../../values.js";
import { formatWhen } from "../../when.js";

interface Options extends Forms {
  readonly starttime?: string;
  readonly endtime?: string;
}

const help = `
Times: YYYY-MM-DD[THH:MM[:SS]], HH:MM, today, now-2hours

Examples:
  glean report utilization
  glean report utilization --html FILE   one page for the manager
  glean report idle -S today             how today's idle core-time was spent
  glean report prediction`;

export const define: Define = (command, run) => {
  command
    .argument(
      "<kind>",
      "utilization; idle: how idle core-time was spent; prediction: how accurately the ends of holes were predicted; adoption: which options of submissions were refused",
    )
    .option(
      "-S, --starttime <TIME>",
      "start of the period (default: the recorded part of the last 24 hours)",
    )
    .option("-E, --endtime <TIME>", "end of the period (default: now)")
    .option("--html <FILE>", "write a self-contained page with plots to this file")
    .option("--csv", "comma-separated values")
    .option("--json", "one JSON document")
    .addHelpText("after", help)
    .action(run(report));
};

async function report(context: Context, kind: string, options: Options): Promise<number> {
  if (kind === "prediction") return prediction(context, options);
  if (kind === "adoption") return adoption(context, options);
  if (kind !== "utilization" && kind !== "idle")
    throw new GleanerError(
      "BAD_REQUEST",
      `unknown report ${quoted(kind)}: expected utilization, idle, prediction or adoption`,
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

async function adoption(context: Context, options: Options): Promise<number> {
  if (options.csv || options.html !== undefined)
    throw new GleanerError(
      "BAD_REQUEST",
      "the adoption report takes only -S, -E and --json: remove the other options",
    );
  const report = await (await context.client()).adoption(chosenPeriod(options));
  if (options.json) {
    print(json(report));
    return exitStatus.done;
  }
  const { whyRefused } = await import("../../batch/refusals.js");
  const from = formatWhen(report.fromMs).slice(0, dateLength);
  if (report.options.length === 0)
    print(`No submission was refused for an option since ${from}.\n`);
  else
    print(
      table(
        report.options,
        [
          { title: "OPTION", text: ({ option }) => `--${option}` },
          { title: "REFUSED", text: ({ times }) => String(times), right: true },
          { title: "USERS", text: ({ users }) => String(users), right: true },
          { title: "LAST", text: ({ lastDayMs }) => formatWhen(lastDayMs).slice(0, dateLength) },
          { title: "WHY", text: ({ option }) => whyRefused(option) },
        ],
        true,
      ),
    );
  return exitStatus.done;
}

/** As in 2026-01-31. */
const dateLength = 10;
