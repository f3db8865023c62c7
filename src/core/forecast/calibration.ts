// Compares predictions with outcomes, in bins of probability per source.

import type {
  CalibrationBin,
  PredictionSource,
  SourceCalibration,
} from "../../model/capacity/prediction.js";

const binCount = 10;
/**
 * Per source: at twice this many, all are halved, so that the report covers the last weeks rather
 * than the first.
 */
const rememberedPredictions = 100_000;
const sources: readonly PredictionSource[] = ["planned", "reservation", "survival", "none"];

interface Bin {
  count: number;
  predicted: number;
  came: number;
  squaredError: number;
}

export class Calibration {
  private readonly bySource = new Map<PredictionSource, Bin[]>();

  /** Records a predicted probability and whether the outcome occurred. */
  record(source: PredictionSource, probability: number, came: boolean): void {
    const bins = this.binsOf(source);
    const bin = bins[Math.min(binCount - 1, Math.floor(probability * binCount))]!;
    const outcome = came ? 1 : 0;
    bin.count += 1;
    bin.predicted += probability;
    bin.came += outcome;
    bin.squaredError += (probability - outcome) ** 2;
    if (bins.reduce((sum, each) => sum + each.count, 0) >= 2 * rememberedPredictions)
      for (const each of bins) halve(each);
  }

  /** Includes the sources that made any prediction. */
  report(): SourceCalibration[] {
    return [...this.bySource].map(([source, bins]) => {
      const count = bins.reduce((sum, bin) => sum + bin.count, 0);
      const squaredError = bins.reduce((sum, bin) => sum + bin.squaredError, 0);
      return {
        source,
        count: Math.round(count),
        brier: count === 0 ? null : squaredError / count,
        bins: bins.map(reportOf),
      };
    });
  }

  /** Plain JSON of at most about 4 kB. */
  toJson(): string {
    return JSON.stringify([...this.bySource]);
  }

  /** Reads what toJson wrote; returns null for anything else. */
  static fromJson(json: string): Calibration | null {
    const calibration = new Calibration();
    try {
      for (const [source, bins] of JSON.parse(json) as [PredictionSource, Bin[]][]) {
        if (!sources.includes(source) || bins.length !== binCount || !bins.every(isSound))
          return null;
        calibration.bySource.set(source, bins);
      }
    } catch {
      return null;
    }
    return calibration;
  }

  private binsOf(source: PredictionSource): Bin[] {
    let bins = this.bySource.get(source);
    if (bins === undefined) {
      bins = Array.from({ length: binCount }, () => ({
        count: 0,
        predicted: 0,
        came: 0,
        squaredError: 0,
      }));
      this.bySource.set(source, bins);
    }
    return bins;
  }
}

function reportOf({ count, predicted, came }: Bin, index: number): CalibrationBin {
  return {
    fromProbability: index / binCount,
    toProbability: (index + 1) / binCount,
    count: Math.round(count),
    predicted: count === 0 ? null : predicted / count,
    observed: count === 0 ? null : came / count,
  };
}

function halve(bin: Bin): void {
  bin.count /= 2;
  bin.predicted /= 2;
  bin.came /= 2;
  bin.squaredError /= 2;
}

const isSound = ({ count, predicted, came, squaredError }: Bin): boolean =>
  [count, predicted, came, squaredError].every((each) => Number.isFinite(each) && each >= 0);
