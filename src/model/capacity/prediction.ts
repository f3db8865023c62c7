// When a hole is expected to close, how certain that is, and how accurate such predictions were.

/** The basis of a prediction: backfill's plan, a reservation, the site's past holes, or nothing. */
export type PredictionSource = "planned" | "reservation" | "survival" | "none";

export interface HoleEnd {
  /**
   * For a survival estimate, the moment by which half of such holes have closed; null if nothing
   * indicates an end.
   */
  readonly endsAtMs: number | null;
  /** The probability that the hole has closed at `endsAtMs`, from 0 to 1. */
  readonly confidence: number;
  readonly source: PredictionSource;
}

export type HoleKind = "wholeNode" | "fragment";

/** Predictions with a probability in [from, to), and their outcomes. */
export interface CalibrationBin {
  readonly fromProbability: number;
  readonly toProbability: number;
  readonly count: number;
  /** The mean prediction, and the share that came true; null if there were none. */
  readonly predicted: number | null;
  readonly observed: number | null;
}

export interface SourceCalibration {
  readonly source: PredictionSource;
  readonly count: number;
  /**
   * The mean of (predicted − outcome)²: 0 is perfect, 0.25 is a coin flip; null if there were none.
   */
  readonly brier: number | null;
  readonly bins: readonly CalibrationBin[];
}

/** How long holes of one kind last, as learned. */
export interface LearnedLife {
  readonly kind: HoleKind;
  /** Holes that closed; older ones have a lower weight. */
  readonly closings: number;
  readonly ageMs: number;
  /** For how much longer a hole of this age lasts with a probability of 1/2 and of 9/10. */
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
