// What a slot's hole promises, as one number: slots with the same promise are looked at together.

import type { Outlook } from "../forecast/lifetime.js";
import type { Survival } from "../forecast/survival.js";
import type { Slot } from "./slot.js";

export interface OutlookPolicy {
  /** Without it holes are taken to last until something is planned. */
  readonly survival?: Survival;
  /** Work must have ended this long before a planned start. */
  readonly vacateMs?: number;
}

const usualConfidence = 0.9;
/** Ages differ by at most a sixteenth of an octave in a bucket, planned ends by a quarter of one, a node's hazard ratio by half of one. */
const agesPerOctave = 16;
const endsPerOctave = 4;
const ratiosPerOctave = 2;
/** A node's hazard ratio is within 2^-3 and 2^3. */
const ratioOctaves = 3;
const ratioLevels = 2 * ratioOctaves * ratiosPerOctave + 1;
/** Levels of one logarithmic scale: 2^31 ms are 24 days. */
const levelsPerScale = 512;
const confidenceSteps = 10;

/** What a slot's hole promises as one number: its node's hazard ratio to the nearest, and its kind, age and planned end rounded down. */
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
  // 0 stands for no planned end; a plan without any confidence is as good as the least one.
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
