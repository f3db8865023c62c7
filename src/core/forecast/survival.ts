// For how long holes last, learned from the site's own: a hazard per kind of hole and bin of its age, and how each node differs.

import type { HoleKind, LearnedLife } from "../../model/capacity/prediction.js";
import type { NodeName } from "../../model/ids.js";
import { NodeHazard } from "./node-hazard.js";

/**
 * Bins of a hole's age: up to 100 ms, then a sixteenth of an octave each; the last is open and begins at about two weeks. Jobs have
 * round limits: where many holes close at nearly the same age, as after 90 minutes, it is seen to 4 %.
 */
const binsPerOctave = 16;
const binCount = 24 * binsPerOctave + 1;
/** A bin in which little was seen is taken to be as its quarter of an octave is. */
const binsPerGroup = 4;
/** What the group weighs in each of its bins, in closings. */
const groupClosings = 1;
const firstEdgeMs = 100;
const edgesMs: readonly number[] = Array.from({ length: binCount }, (_, bin) =>
  bin === 0 ? 0 : firstEdgeMs * 2 ** ((bin - 1) / binsPerOctave),
);
/** The newest few thousand holes count: a site's load changes from week to week. */
const rememberedHoles = 4_000;
/** Before anything was learned: half of the holes last 90 s, and the older one is the longer it lasts (Lomax). */
const priorShape = 0.5;
const priorScaleMs = 30_000;
/** What the prior weighs in each group, in closings: little, since sites differ. */
const priorClosings = 0.25;
const kinds: readonly HoleKind[] = ["wholeNode", "fragment"];
/** Ages that a report shows. */
const reportedAgesMs = [0, 10_000, 60_000, 600_000, 3_600_000];

/** What placement and prediction ask. */
export interface Survival {
  /** The probability that a hole of this kind and age is there `aheadMs` later; `hazardRatio` as of its node, 1 for any. */
  survivalProbability(kind: HoleKind, ageMs: number, aheadMs: number, hazardRatio?: number): number;
  /** The longest time ahead that a hole of this kind and age is there with this probability (0 < it <= 1). */
  quantileAheadMs(kind: HoleKind, ageMs: number, probability: number, hazardRatio?: number): number;
  /** How many times as fast as usual holes close on this node. */
  hazardRatio(node: NodeName): number;
}

/** A hole that was watched from `fromAgeMs` to `toAgeMs` of its age; not `closed`: it was lost sight of (censored). */
export interface WatchedHole {
  readonly kind: HoleKind;
  readonly fromAgeMs: number;
  readonly toAgeMs: number;
  readonly closed: boolean;
  /** Left out: it says nothing of its node. */
  readonly node?: NodeName;
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
  private nodes = new NodeHazard();

  /** `remembered`: the newest so many holes count; infinite for what is not to change, as of a day that is over. */
  constructor(private readonly remembered: number = rememberedHoles) {}

  /** Learns from one hole; old ones count less with each. */
  record({ kind, fromAgeMs, toAgeMs, closed, node }: WatchedHole): void {
    const learned = this.byKind[kind];
    const keep = 1 - 1 / this.remembered;
    const from = Math.max(0, fromAgeMs);
    const to = Math.max(from, toAgeMs);
    const hazardRatio = node === undefined ? 1 : this.hazardRatio(node);
    if (node !== undefined)
      this.nodes.record(node, closed ? 1 : 0, this.upTo(kind, to) - this.upTo(kind, from));
    for (let bin = 0; bin < binCount; bin++) {
      const upperMs = edgesMs[bin + 1] ?? Number.POSITIVE_INFINITY;
      const overlapMs = Math.min(to, upperMs) - Math.max(from, edgesMs[bin]!);
      learned.closings[bin]! *= keep;
      // Time on a node where holes close twice as fast counts twice: the hazard is that of a usual node.
      learned.exposureMs[bin] =
        learned.exposureMs[bin]! * keep + hazardRatio * Math.max(0, overlapMs);
    }
    if (closed) learned.closings[binOf(to)]! += 1;
    learned.hazards = null;
  }

  hazardRatio(node: NodeName): number {
    return this.nodes.of(node);
  }

  survivalProbability(kind: HoleKind, ageMs: number, aheadMs: number, hazardRatio = 1): number {
    if (aheadMs <= 0) return 1;
    const age = Math.max(0, ageMs);
    return Math.exp(hazardRatio * (this.upTo(kind, age) - this.upTo(kind, age + aheadMs)));
  }

  quantileAheadMs(kind: HoleKind, ageMs: number, probability: number, hazardRatio = 1): number {
    const age = Math.max(0, ageMs);
    const target = this.upTo(kind, age) - Math.log(probability) / hazardRatio;
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

  /** Plain JSON of about 30 kB, and some 50 bytes for each node. */
  toJson(): string {
    const plain = ({ closings, exposureMs }: Learned) => ({
      closings: [...closings],
      exposureMs: [...exposureMs],
    });
    return JSON.stringify({
      wholeNode: plain(this.byKind.wholeNode),
      fragment: plain(this.byKind.fragment),
      nodes: this.nodes.plain(),
    });
  }

  /** What toJson wrote; anything else (an older program's) is as good as nothing: null. */
  static fromJson(json: string): SurvivalModel | null {
    const model = new SurvivalModel();
    try {
      const plain = JSON.parse(json) as Record<HoleKind, Record<string, unknown>> & {
        nodes: unknown;
      };
      for (const kind of kinds) {
        model.byKind[kind].closings.set(amounts(plain[kind].closings));
        model.byKind[kind].exposureMs.set(amounts(plain[kind].exposureMs));
      }
      model.nodes = NodeHazard.of(plain.nodes);
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
  for (let first = 0; first < binCount; ) {
    // The first bin, up to 100 ms, is a group of its own.
    const next = first === 0 ? 1 : first + binsPerGroup;
    let closed = priorClosings;
    let exposedMs = 0;
    for (let bin = first; bin < next; bin++) {
      closed += closings[bin]!;
      exposedMs += exposureMs[bin]!;
    }
    const middleMs = (edgesMs[first]! + (edgesMs[next] ?? edgesMs[first]! * 2)) / 2;
    const prior = priorShape / (middleMs + priorScaleMs);
    const group = closed / (exposedMs + priorClosings / prior);
    for (let bin = first; bin < next; bin++)
      perMs[bin] = (closings[bin]! + groupClosings) / (exposureMs[bin]! + groupClosings / group);
    first = next;
  }
  const upToEdge = new Float64Array(binCount);
  for (let bin = 1; bin < binCount; bin++)
    upToEdge[bin] = upToEdge[bin - 1]! + (edgesMs[bin]! - edgesMs[bin - 1]!) * perMs[bin - 1]!;
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
