// When a hole is expected to close, how sure that is, and how well such predictions held.

/** What a prediction rests on: backfill's plan, a reservation, the site's own past holes, or nothing. */
export type PredictionSource = "planned" | "reservation" | "survival" | "none";

export interface HoleEnd {
  /** Of a survival estimate the moment by which half of such holes have closed; null: nothing speaks of an end. */
  readonly endsAtMs: number | null;
  /** The probability that the hole has closed at `endsAtMs`, from 0 to 1. */
  readonly confidence: number;
  readonly source: PredictionSource;
}

export type HoleKind = "wholeNode" | "fragment";

/** Predictions whose probability fell into [from, to), and how they came out. */
export interface CalibrationBin {
  readonly fromProbability: number;
  readonly toProbability: number;
  readonly count: number;
  /** The mean of what was predicted, and the share that came true; null of none. */
  readonly predicted: number | null;
  readonly observed: number | null;
}

export interface SourceCalibration {
  readonly source: PredictionSource;
  readonly count: number;
  /** The mean of (predicted − outcome)²: 0 is perfect, 0.25 is what a coin says; null of none. */
  readonly brier: number | null;
  readonly bins: readonly CalibrationBin[];
}

/** For how long holes of one kind last, as learned. */
export interface LearnedLife {
  readonly kind: HoleKind;
  /** Holes seen to close, older ones counted less. */
  readonly closings: number;
  readonly ageMs: number;
  /** A hole of this age lasts on for as long with a probability of 1/2 and of 9/10. */
  readonly halfLastMs: number;
  readonly nineTenthsLastMs: number;
}

/** What `glean report prediction` shows. */
export interface PredictionReport {
  readonly sources: readonly SourceCalibration[];
  readonly lives: readonly LearnedLife[];
  /** Functions whose run time is known from earlier runs. */
  readonly learnedFunctions: number;
}
