// Encodes the outlook of a slot's hole as one number, so that slots with the same outlook are
// handled together.

import type { Outlook } from "../forecast/lifetime.js";
import type { Survival } from "../forecast/survival.js";
import type { Slot } from "./slot.js";

export interface OutlookPolicy {
  /** If omitted, holes are assumed to last until something is planned. */
  readonly survival?: Survival;
  /** How long before a planned start work must have ended. */
  readonly vacateMs?: number;
}

const usualConfidence = 0.9;
/**
 * Within a bucket, ages differ by at most a sixteenth of an octave, planned ends by a quarter, and
 * a node's hazard ratio by half an octave.
 */
const agesPerOctave = 16;
const endsPerOctave = 4;
const ratiosPerOctave = 2;
/** A node's hazard ratio lies between 2^-3 and 2^3. */
const ratioOctaves = 3;
const ratioLevels = 2 * ratioOctaves * ratiosPerOctave + 1;
/** Levels of one logarithmic scale: 2^31 ms are 24 days. */
const levelsPerScale = 512;
const confidenceSteps = 10;

/**
 * The outlook of a slot's hole as one number: its node's hazard ratio rounded to the nearest level;
 * its kind, age and planned end rounded down.
 */
export function outlookKey(slot: Slot, nowMs: number, policy: OutlookPolicy): number {
  const learns = policy.survival !== undefined;
  const ageMs = learns ? nowMs - (slot.openedAtMs ?? nowMs) : 0;
  const kind = slot.kind === "fragment" ? 1 : 0;
  const hazardRatio = ratioLevelOf(learns ? (slot.hazardRatio ?? 1) : 1);
  const hole = (kind * ratioLevels + hazardRatio) * levelsPerScale + levelOf(ageMs, agesPerOctave);
  if (slot.endsAtMs === null) return hole * levelsPerScale * (confidenceSteps + 1);
  const plannedInMs = slot.endsAtMs - nowMs - (policy.vacateMs ?? 0);
  const end = hole * levelsPerScale + levelOf(plannedInMs, endsPerOctave);
  const confidence = Math.floor((slot.endConfidence ?? usualConfidence) * confidenceSteps);
  // 0 means no planned end; a plan without any confidence counts as the least confident one.
  return end * (confidenceSteps + 1) + Math.max(1, confidence);
}

export function outlookOf(key: number): Outlook {
  const confidence = key % (confidenceSteps + 1);
  const end = Math.floor(key / (confidenceSteps + 1));
  const hole = Math.floor(end / levelsPerScale);
  const kindAndRatio = Math.floor(hole / levelsPerScale);
  return {
    kind: kindAndRatio >= ratioLevels ? "fragment" : "wholeNode",
    ageMs: millisecondsOf(hole % levelsPerScale, agesPerOctave),
    hazardRatio: 2 ** ((kindAndRatio % ratioLevels) / ratiosPerOctave - ratioOctaves),
    plannedInMs: confidence === 0 ? null : millisecondsOf(end % levelsPerScale, endsPerOctave),
    plannedConfidence: confidence / confidenceSteps,
  };
}

const ratioLevelOf = (hazardRatio: number): number =>
  Math.min(
    ratioLevels - 1,
    Math.max(0, Math.round((Math.log2(hazardRatio) + ratioOctaves) * ratiosPerOctave)),
  );

const levelOf = (milliseconds: number, perOctave: number): number =>
  milliseconds < 1
    ? 0
    : Math.min(levelsPerScale - 1, Math.floor(Math.log2(milliseconds) * perOctave) + 1);

const millisecondsOf = (level: number, perOctave: number): number =>
  level === 0 ? 0 : 2 ** ((level - 1) / perOctave);
