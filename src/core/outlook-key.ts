// What a slot's hole promises, as one number: slots with the same promise are looked at together.

import type { Outlook } from "./lifetime.js";
import type { Slot, SlotsPolicy } from "./slots.js";

const usualConfidence = 0.9;
/** Ages differ by at most half an octave in a bucket, planned ends by a quarter of one: a few hundred buckets on any site. */
const agesPerOctave = 2;
const endsPerOctave = 4;
/** Levels of one logarithmic scale: 2^43 ms are three centuries. */
const levelsPerScale = 256;
const confidenceSteps = 10;

/** What a slot's hole promises as one number: its kind, age and planned end rounded down, that is to the careful side. */
export function outlookKey(slot: Slot, nowMs: number, policy: SlotsPolicy): number {
  const ageMs = policy.survival === undefined ? 0 : nowMs - (slot.openedAtMs ?? nowMs);
  const kind = slot.kind === "fragment" ? 1 : 0;
  const age = kind * levelsPerScale + levelOf(ageMs, agesPerOctave);
  if (slot.endsAtMs === null) return age * levelsPerScale * (confidenceSteps + 1);
  const plannedInMs = slot.endsAtMs - nowMs - (policy.vacateMs ?? 0);
  const end = age * levelsPerScale + levelOf(plannedInMs, endsPerOctave);
  const confidence = Math.floor((slot.endConfidence ?? usualConfidence) * confidenceSteps);
  // 0 stands for no planned end; a plan without any confidence is as good as the least one.
  return end * (confidenceSteps + 1) + Math.max(1, confidence);
}

export function outlookOf(key: number): Outlook {
  const confidence = key % (confidenceSteps + 1);
  const end = Math.floor(key / (confidenceSteps + 1));
  const age = Math.floor(end / levelsPerScale);
  return {
    kind: age >= levelsPerScale ? "fragment" : "wholeNode",
    ageMs: millisecondsOf(age % levelsPerScale, agesPerOctave),
    plannedInMs: confidence === 0 ? null : millisecondsOf(end % levelsPerScale, endsPerOctave),
    plannedConfidence: confidence / confidenceSteps,
  };
}

const levelOf = (milliseconds: number, perOctave: number): number =>
  milliseconds < 1
    ? 0
    : Math.min(levelsPerScale - 1, Math.floor(Math.log2(milliseconds) * perOctave) + 1);

const millisecondsOf = (level: number, perOctave: number): number =>
  level === 0 ? 0 : 2 ** ((level - 1) / perOctave);
