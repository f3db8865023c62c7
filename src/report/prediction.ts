// Renders the accuracy of predictions and the learned survival of holes as text.

import type {
  LearnedLife,
  PredictionReport,
  PredictionSource,
  SourceCalibration,
} from "../model/capacity/prediction.js";
import { counted } from "../model/counted.js";
import { align } from "./text.js";
import { decimal } from "./words.js";

const sourceNames: Readonly<Record<PredictionSource, string>> = {
  planned: "from planned starts",
  reservation: "from reservations",
  survival: "from past holes",
  none: "from nothing",
};

/** Renders plain text that ends with a line break. */
export function renderPredictionText(report: PredictionReport): string {
  const sections = [
    ["Predictions that a hole lasts: predicted and observed shares"],
    ...report.sources.filter(({ count }) => count > 0).map(calibration),
    lives(report.lives),
    [`Gleaner knows the run times of ${counted(report.learnedFunctions, "function")}.`],
  ];
  if (!report.sources.some(({ count }) => count > 0))
    sections.splice(1, 0, [
      "No prediction has come due yet: run the report again in some minutes.",
    ]);
  return `${sections.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

function calibration({ source, count, brier, bins }: SourceCalibration): string[] {
  const rows = bins
    .filter((bin) => bin.count > 0)
    .map((bin) => [
      `${decimal(bin.fromProbability * 100, 0)}–${decimal(bin.toProbability * 100, 0)} %`,
      decimal(bin.count, 0),
      share(bin.predicted),
      share(bin.observed),
    ]);
  return [
    `${sourceNames[source]}: ${counted(count, "prediction")}, Brier score ${decimal(brier ?? 0, 3)} (0 is perfect, 0.25 is chance)`,
    ...align([["lasts with", "count", "predicted", "observed"], ...rows]),
  ];
}

const share = (value: number | null): string =>
  value === null ? "-" : `${decimal(value * 100, 1)} %`;

function lives(all: readonly LearnedLife[]): string[] {
  const rows = all.map(({ kind, closings, ageMs, halfLastMs, nineTenthsLastMs }) => [
    `${kind === "wholeNode" ? "whole node" : "fragment"} (${decimal(closings, 0)} seen)`,
    duration(ageMs),
    duration(halfLastMs),
    duration(nineTenthsLastMs),
  ]);
  return [
    "How much longer holes last, by their age",
    ...align([["hole", "age", "half last", "nine in ten last"], ...rows]),
  ];
}

function duration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${decimal(milliseconds, 0)} ms`;
  if (milliseconds < 120_000) return `${decimal(milliseconds / 1_000, 1)} s`;
  if (milliseconds < 7_200_000) return `${decimal(milliseconds / 60_000, 1)} min`;
  return `${decimal(milliseconds / 3_600_000, 1)} h`;
}
