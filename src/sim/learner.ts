// Learns during the replay what the daemon learns while it runs: how long holes and functions last,
// from those seen so far.

import type { HoleContext } from "../core/capacity/holes.js";
import { type Ended, HoleWatch } from "../core/forecast/hole-watch.js";
import { RuntimeModel } from "../core/forecast/run-times.js";
import { SurvivalModel } from "../core/forecast/survival.js";
import type { Prediction } from "../core/placement/placement.js";
import { Prices } from "../core/placement/prices.js";
import type { Waiting } from "../core/placement/queue.js";
import type { Plan } from "../model/capacity/plan.js";
import type { NodeName } from "../model/ids.js";

/**
 * Same as the daemon's (src/daemon/startup/assemble.ts). No call here has the default limit: the
 * trace has each function's own.
 */
const runtimePolicy = { defaultTimeLimitMs: -1, quantile: 0.75 };

export class Learner implements Prediction {
  readonly survival = new SurvivalModel();
  readonly passingSinceMs = new Map<string, number>();
  readonly prices = new Prices();
  private readonly runtimes = new RuntimeModel(runtimePolicy);
  /** One for each node, because the replay plans only the nodes that changed. */
  private readonly watches = new Map<NodeName, HoleWatch>();

  constructor(readonly vacateMs: number) {}

  expectedMs({ functionKey, timeLimitMs, ranMs }: Waiting): number {
    return this.runtimes.expectedMs(functionKey ?? "", timeLimitMs, ranMs);
  }

  usualMs({ functionKey, timeLimitMs, ranMs }: Waiting): number {
    return this.runtimes.usualMs(functionKey ?? "", timeLimitMs, ranMs);
  }

  functionRan(functionKey: string, wallMs: number): void {
    this.runtimes.record(functionKey, wallMs);
  }

  jobBegan(node: NodeName, atMs: number): void {
    this.learn(this.watchOf(node).jobBegan(node, atMs));
  }

  jobEnded(node: NodeName, atMs: number): void {
    this.watchOf(node).jobEnded(node, atMs);
  }

  planMade(plan: Plan, atMs: number): void {
    for (const hole of plan.holes)
      for (const ended of this.watchOf(hole.node).look([hole], [], atMs)) this.learn(ended);
    for (const each of plan.unusable)
      for (const ended of this.watchOf(each.node).look([], [each], atMs)) this.learn(ended);
  }

  openedAtMs(node: NodeName): number | null {
    return this.watches.get(node)?.openedAtMs(node) ?? null;
  }

  /** The input of the core's findHoles besides the snapshot. */
  context(): Pick<HoleContext, "openedAtMs" | "survival"> {
    return {
      openedAtMs: (node) => this.openedAtMs(node),
      survival: this.survival,
    };
  }

  private learn(ended: Ended | null): void {
    if (ended?.teaches) this.survival.record(ended);
  }

  private watchOf(node: NodeName): HoleWatch {
    let watch = this.watches.get(node);
    if (watch === undefined) {
      watch = new HoleWatch();
      this.watches.set(node, watch);
    }
    return watch;
  }
}
