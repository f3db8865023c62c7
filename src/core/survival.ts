// For how long holes last, learned from the site's own: a hazard per kind of hole and bin of its age.

import type { HoleKind, LearnedLife } from "../model/prediction.js";

/** Bins of a hole's age: up to 100 ms, then a quarter of an octave each; the last is open and begins at about two weeks. */
const binCount = 96;
const binsPerOctave = 4;
const firstEdgeMs = 100;
const edgesMs: readonly number[] = Array.from({ length: binCount }, (_, bin) =>
  bin === 0 ? 0 : firstEdgeMs * 2 ** ((bin - 1) / binsPerOctave),
);
/** The newest few thousand holes count: a site's load changes from week to week. */
const rememberedHoles = 4_000;
/** Before anything was learned: half of the holes last 90 s, and the older one is the longer it lasts (Lomax). */
const priorShape = 0.5;
const priorScaleMs = 30_000;
/** What the prior weighs in each bin, in closings: little, since sites differ. */
const priorClosings = 0.25;
const kinds: readonly HoleKind[] = ["wholeNode", "fragment"];
/** Ages that a report shows. */
const reportedAgesMs = [0, 10_000, 60_000, 600_000, 3_600_000];

/** What placement and prediction ask. */
export interface Survival {
  /** The probability that a hole of this kind and age is there `aheadMs` later. */
  survivalProbability(kind: HoleKind, ageMs: number, aheadMs: number): number;
  /** The longest time ahead that a hole of this kind and age is there with this probability (0 < it <= 1). */
  quantileAheadMs(kind: HoleKind, ageMs: number, probability: number): number;
}

/** A hole that was watched from `fromAgeMs` to `toAgeMs` of its age; not `closed`: it was lost sight of (censored). */
export interface WatchedHole {
  readonly kind: HoleKind;
  readonly fromAgeMs: number;
  readonly toAgeMs: number;
  readonly closed: boolean;
}

interface Learned {
  readonly closings: Float64Array;
  readonly exposureMs: Float64Array;
  /** closings per ms of each bin with the prior, and their sum over time up to each bin's edge; null: to be computed. */
  hazards: { readonly perMs: Float64Array; readonly upToEdge: Float64Array } | null;
}

export class SurvivalModel implements Survival {
  private readonly byKind: Record<HoleKind, Learned> = {
    wholeNode: empty(),
    fragment: empty(),
  };

  /** Learns from one hole; old ones count less with each. */
  record({ kind, fromAgeMs, toAgeMs, closed }: WatchedHole): void {
    const learned = this.byKind[kind];
    const keep = 1 - 1 / rememberedHoles;
    const from = Math.max(0, fromAgeMs);
    for (let bin = 0; bin < binCount; bin++) {
      const upperMs = edgesMs[bin + 1] ?? Number.POSITIVE_INFINITY;
      const overlapMs = Math.min(toAgeMs, upperMs) - Math.max(from, edgesMs[bin]!);
      learned.closings[bin]! *= keep;
      learned.exposureMs[bin] = learned.exposureMs[bin]! * keep + Math.max(0, overlapMs);
    }
    if (closed) learned.closings[binOf(Math.max(0, toAgeMs))]! += 1;
    learned.hazards = null;
  }

  survivalProbability(kind: HoleKind, ageMs: number, aheadMs: number): number {
    if (aheadMs <= 0) return 1;
    const age = Math.max(0, ageMs);
    return Math.exp(this.upTo(kind, age) - this.upTo(kind, age + aheadMs));
  }

  quantileAheadMs(kind: HoleKind, ageMs: number, probability: number): number {
    const age = Math.max(0, ageMs);
    const target = this.upTo(kind, age) - Math.log(probability);
    const { perMs, upToEdge } = this.hazardsOf(kind);
    let bin = binOf(age);
    while (bin + 1 < binCount && upToEdge[bin + 1]! <= target) bin++;
    const atMs = edgesMs[bin]! + (target - upToEdge[bin]!) / perMs[bin]!;
    return Math.max(0, atMs - age);
  }

  report(): LearnedLife[] {
    return kinds.flatMap((kind) => {
      const closings = Math.round(this.byKind[kind].closings.reduce((sum, each) => sum + each, 0));
      return reportedAgesMs.map((ageMs) => ({
        kind,
        closings,
        ageMs,
        halfLastMs: Math.round(this.quantileAheadMs(kind, ageMs, 0.5)),
        nineTenthsLastMs: Math.round(this.quantileAheadMs(kind, ageMs, 0.9)),
      }));
    });
  }

  /** Plain JSON of about 5 kB. */
  toJson(): string {
    const plain = ({ closings, exposureMs }: Learned) => ({
      closings: [...closings],
      exposureMs: [...exposureMs],
    });
    return JSON.stringify({
      wholeNode: plain(this.byKind.wholeNode),
      fragment: plain(this.byKind.fragment),
    });
  }

  /** What toJson wrote; anything else (an older program's) is as good as nothing: null. */
  static fromJson(json: string): SurvivalModel | null {
    const model = new SurvivalModel();
    try {
      const plain = JSON.parse(json) as Record<HoleKind, Record<string, unknown>>;
      for (const kind of kinds) {
        model.byKind[kind].closings.set(amounts(plain[kind].closings));
        model.byKind[kind].exposureMs.set(amounts(plain[kind].exposureMs));
      }
    } catch {
      return null;
    }
    return model;
  }

  /** The hazard summed from birth to this age. */
  private upTo(kind: HoleKind, ageMs: number): number {
    const { perMs, upToEdge } = this.hazardsOf(kind);
    const bin = binOf(ageMs);
    return upToEdge[bin]! + (ageMs - edgesMs[bin]!) * perMs[bin]!;
  }

  private hazardsOf(kind: HoleKind): NonNullable<Learned["hazards"]> {
    const learned = this.byKind[kind];
    learned.hazards ??= hazardsOf(learned);
    return learned.hazards;
  }
}

const empty = (): Learned => ({
  closings: new Float64Array(binCount),
  exposureMs: new Float64Array(binCount),
  hazards: null,
});

function binOf(ageMs: number): number {
  if (ageMs < firstEdgeMs) return 0;
  const bin = Math.min(
    binCount - 1,
    Math.floor(binsPerOctave * Math.log2(ageMs / firstEdgeMs)) + 1,
  );
  // Rounding may have put an age beside its edge.
  if (ageMs < edgesMs[bin]!) return bin - 1;
  return bin + 1 < binCount && ageMs >= edgesMs[bin + 1]! ? bin + 1 : bin;
}

function hazardsOf({ closings, exposureMs }: Learned): NonNullable<Learned["hazards"]> {
  const perMs = new Float64Array(binCount);
  const upToEdge = new Float64Array(binCount);
  for (let bin = 0; bin < binCount; bin++) {
    const middleMs = (edgesMs[bin]! + (edgesMs[bin + 1] ?? edgesMs[bin]! * 2)) / 2;
    const prior = priorShape / (middleMs + priorScaleMs);
    perMs[bin] = (closings[bin]! + priorClosings) / (exposureMs[bin]! + priorClosings / prior);
    if (bin === 0) continue;
    upToEdge[bin] = upToEdge[bin - 1]! + (edgesMs[bin]! - edgesMs[bin - 1]!) * perMs[bin - 1]!;
  }
  return { perMs, upToEdge };
}

function amounts(value: unknown): number[] {
  const sound =
    Array.isArray(value) &&
    value.length === binCount &&
    value.every((each) => typeof each === "number" && Number.isFinite(each) && each >= 0);
  if (!sound) throw new RangeError("not what was learned");
  return value;
}
