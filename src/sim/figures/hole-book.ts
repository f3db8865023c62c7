// Tracks each hole while it is open, and sums closed ones by class; calculates the ceilings, which
// follow from the holes alone.

import { SurvivalModel } from "../../core/forecast/survival.js";
import type { Costs } from "../costs.js";
import type { Minutes } from "./minutes.js";

/** Upper bounds of the classes of length, in ms; an open class follows. */
const lengthBoundsMs: readonly number[] = [60_000, 300_000, 1_200_000, 3_600_000, 21_600_000];

export interface HoleClass {
  /** null for the last class, which has no upper bound. */
  readonly atMostMs: number | null;
  readonly holes: number;
  readonly idleCoreMs: number;
  readonly coveredCoreMs: number;
  readonly usefulCoreMs: number;
}

type Count = { -readonly [Key in Exclude<keyof HoleClass, "atMostMs">]: number };

export interface CallLengths {
  readonly shortestMs: number;
  /** Whether all are as long as the shortest. */
  readonly isFixed: boolean;
  /** Whether they differ by function, as in a trace; then the lengths of holes are recorded. */
  readonly vary: boolean;
}

/** A hole of one node: from its first idle core to the moment when none is idle. */
interface OpenHole {
  readonly sinceMs: number;
  readonly firstCores: number;
  /** Its first idle cores beside which there is memory for a call. */
  readonly firstUsable: number;
  /** Whether these numbers stayed the same throughout. */
  isEven: boolean;
  idleCoreMs: number;
  usableCoreMs: number;
  /** The usable part after an executor could have been ready. */
  readyCoreMs: number;
  coveredCoreMs: number;
  usefulCoreMs: number;
}

/** How long the holes lasted, if each had the same number of cores throughout. */
export interface Lasted {
  readonly survival: SurvivalModel;
  readonly longestMs: number;
}

export class HoleBook {
  private readonly survival: SurvivalModel | null;
  private longestMs = 0;
  /** The width of every hole so far; null if they differ. */
  private width: number | null = 0;
  private readonly open: (OpenHole | null)[];
  private readonly classes: Count[] = [...lengthBoundsMs, null].map(() => ({
    holes: 0,
    idleCoreMs: 0,
    coveredCoreMs: 0,
    usefulCoreMs: 0,
  }));
  private idleCoreMs = 0;
  private readonly ceilingCoreMs = { perfectKnowledge: 0, noStartup: 0 };
  private readonly readyAfterMs: number;

  constructor(
    nodes: number,
    private readonly costs: Costs,
    private readonly calls: CallLengths,
    private readonly minutes: Minutes,
  ) {
    this.open = Array.from({ length: nodes }, () => null);
    this.survival = calls.vary ? new SurvivalModel(Number.POSITIVE_INFINITY) : null;
    this.readyAfterMs = costs.executorStartMs.least;
  }

  /** `cores` of the node are idle from now on, `usable` of them with memory for a call. */
  idle(node: number, nowMs: number, cores: number, usable: number): void {
    const hole = this.open[node]!;
    if (hole === null) {
      if (cores > 0) this.open[node] = newHole(nowMs, cores, usable);
    } else if (cores === 0) {
      this.close(hole, nowMs);
      this.open[node] = null;
    } else if (nowMs === hole.sinceMs) this.open[node] = newHole(nowMs, cores, usable);
    else if (cores !== hole.firstCores || usable !== hole.firstUsable) hole.isEven = false;
  }

  /** Nothing changed on the node during [fromMs, toMs), while these cores were idle. */
  pass(
    node: number,
    fromMs: number,
    toMs: number,
    cores: { readonly idle: number; readonly usable: number; readonly held: number },
  ): void {
    const hole = this.open[node]!;
    hole.idleCoreMs += cores.idle * (toMs - fromMs);
    hole.usableCoreMs += cores.usable * (toMs - fromMs);
    hole.coveredCoreMs += cores.held * (toMs - fromMs);
    const readyAtMs = Math.max(fromMs, hole.sinceMs + this.readyAfterMs);
    hole.readyCoreMs += cores.usable * Math.max(0, toMs - readyAtMs);
  }

  useful(node: number, coreMs: number): void {
    this.open[node]!.usefulCoreMs += coreMs;
  }

  all(): HoleClass[] {
    return this.classes.map((count, index) => ({
      atMostMs: lengthBoundsMs[index] ?? null,
      ...count,
    }));
  }

  /**
   * Upper bounds on the share of idle core-time that any scheduler can turn into finished work of
   * this demand: for one that knows when each hole begins and ends and pays the start-up costs, and
   * for one that does not even pay those. They are bounds, not promises: where the idle cores of a
   * hole vary, or calls differ in length, the work may not fill it.
   */
  ceiling(): { perfectKnowledge: number; noStartup: number } {
    const share = (coreMs: number) => (this.idleCoreMs === 0 ? 0 : coreMs / this.idleCoreMs);
    const { perfectKnowledge, noStartup } = this.ceilingCoreMs;
    return { perfectKnowledge: share(perfectKnowledge), noStartup: share(noStartup) };
  }

  /** null if holes change their width: they have no single age. */
  lasted(): Lasted | null {
    const { survival, longestMs, width } = this;
    return survival === null || width === null || longestMs === 0 ? null : { survival, longestMs };
  }

  private close(hole: OpenHole, nowMs: number): void {
    const lengthMs = nowMs - hole.sinceMs;
    if (lengthMs === 0) return;
    this.minutes.hole(hole.sinceMs, nowMs);
    this.survival?.record({ kind: "wholeNode", fromAgeMs: 0, toAgeMs: lengthMs, closed: true });
    this.longestMs = Math.max(this.longestMs, lengthMs);
    const isLikeOthers = hole.isEven && (this.width === 0 || this.width === hole.firstCores);
    this.width = isLikeOthers ? hole.firstCores : null;
    const found = lengthBoundsMs.findIndex((atMostMs) => lengthMs <= atMostMs);
    const count = this.classes[found === -1 ? lengthBoundsMs.length : found]!;
    count.holes++;
    count.idleCoreMs += hole.idleCoreMs;
    count.coveredCoreMs += hole.coveredCoreMs;
    count.usefulCoreMs += hole.usefulCoreMs;
    this.idleCoreMs += hole.idleCoreMs;
    const startMs = this.readyAfterMs + this.costs.coldStartMs;
    this.ceilingCoreMs.perfectKnowledge += this.mostWork(
      hole,
      lengthMs - startMs,
      hole.readyCoreMs,
    );
    this.ceilingCoreMs.noStartup += this.mostWork(hole, lengthMs, hole.usableCoreMs);
  }

  /** The most work that fits: `timeMs` for each core, `coreMs` in total. */
  private mostWork(hole: OpenHole, timeMs: number, coreMs: number): number {
    const { shortestMs, isFixed } = this.calls;
    if (timeMs < shortestMs) return 0;
    if (!hole.isEven || !isFixed) return coreMs;
    return hole.firstUsable * Math.floor(timeMs / shortestMs) * shortestMs;
  }
}

const newHole = (sinceMs: number, firstCores: number, firstUsable: number): OpenHole => ({
  sinceMs,
  firstCores,
  firstUsable,
  isEven: true,
  idleCoreMs: 0,
  usableCoreMs: 0,
  readyCoreMs: 0,
  coveredCoreMs: 0,
  usefulCoreMs: 0,
});
