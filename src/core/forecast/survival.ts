// Learns how long holes last from the site's own: a hazard per kind of hole and bin of its age,
// adjusted for each node.

import type { HoleKind, LearnedLife } from "../../model/capacity/prediction.js";
import type { NodeName } from "../../model/ids.js";
import { NodeHazard } from "./node-hazard.js";

/**
 * Bins of a hole's age: up to 100 ms, then a sixteenth of an octave each; the last is open and
 * begins at about two weeks. Jobs have round time limits: if many holes close at nearly the same
 * age, such as 90 minutes, the model resolves it to 4 %.
 */
const binsPerOctave = 16;
const binCount = 24 * binsPerOctave + 1;
/** A bin with little data is assumed to resemble its group, a quarter of an octave. */
const binsPerGroup = 4;
/** The weight of the group in each of its bins, in closings. */
const groupClosings = 1;
const firstEdgeMs = 100;
const edgesMs: readonly number[] = Array.from({ length: binCount }, (_, bin) =>
  bin === 0 ? 0 : firstEdgeMs * 2 ** ((bin - 1) / binsPerOctave),
);
/** About the last four thousand holes count, because a site's load changes from week to week. */
const rememberedHoles = 4_000;
/** The prior: half of the holes last 90 s, and the older a hole is, the longer it lasts (Lomax). */
const priorShape = 0.5;
const priorScaleMs = 30_000;
/** The weight of the prior in each group, in closings: low, because sites differ. */
const priorClosings = 0.25;
const kinds: readonly HoleKind[] = ["wholeNode", "fragment"];
/** The ages shown in a report. */
const reportedAgesMs = [0, 10_000, 60_000, 600_000, 3_600_000];

/** The queries of placement and prediction. */
export interface Survival {
  /**
   * The probability that a hole of this kind and age is open `aheadMs` later; `hazardRatio` is that
   * of its node, 1 for any node.
   */
  survivalProbability(kind: HoleKind, ageMs: number, aheadMs: number, hazardRatio?: number): number;
  /**
   * The longest time for which a hole of this kind and age stays open with this probability (0 <
   * probability <= 1).
   */
  quantileAheadMs(kind: HoleKind, ageMs: number, probability: number, hazardRatio?: number): number;
  /** The rate at which holes on this node close, relative to the usual rate. */
  hazardRatio(node: NodeName): number;
}

/**
 * A hole observed from `fromAgeMs` to `toAgeMs` of its age. If it is not `closed`, it disappeared
 * otherwise (censored).
 */
export interface WatchedHole {
  readonly kind: HoleKind;
  readonly fromAgeMs: number;
  readonly toAgeMs: number;
  readonly closed: boolean;
  /** If omitted, nothing is learned about the node. */
  readonly node?: NodeName;
}

interface Learned {
  readonly closings: Float64Array;
  readonly exposureMs: Float64Array;
  /**
   * Closings per ms in each bin, including the prior, and their integral up to each bin's edge;
   * null until computed.
   */
  hazards: { readonly perMs: Float64Array; readonly upToEdge: Float64Array } | null;
}

export class SurvivalModel implements Survival {
  private readonly byKind: Record<HoleKind, Learned> = {
    wholeNode: empty(),
    fragment: empty(),
  };
  private nodes = new NodeHazard();

  /**
   * `remembered` is the number of recent holes that count; infinite for data that no longer
   * changes, such as a past day's.
   */
  constructor(private readonly remembered: number = rememberedHoles) {}

  /** Learns from one hole; the weight of earlier ones falls with each. */
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
      // Time on a node where holes close twice as fast counts twice: the hazard is that of a usual
      // node.
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

  /** Plain JSON of about 30 kB, plus some 50 bytes for each node. */
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

  /** Reads what toJson wrote; returns null for anything else, such as an older program's data. */
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

  /** The hazard accumulated from opening to this age. */
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
  // Corrects an age that rounding put beyond its bin's edge.
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
  if (!sound) throw new RangeError("not a stored survival model");
  return value;
}
