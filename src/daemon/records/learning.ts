// What the daemon learns while it runs: how long holes last, how long functions take, and how well
// it predicts.

import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import { Calibration } from "../../core/forecast/calibration.js";
import { type Ended, HoleWatch } from "../../core/forecast/hole-watch.js";
import { holdsProbability } from "../../core/forecast/lifetime.js";
import { type OwnRuns, RuntimeModel, type RuntimePolicy } from "../../core/forecast/run-times.js";
import { SurvivalModel } from "../../core/forecast/survival.js";
import type { Prediction } from "../../core/placement/placement.js";
import { Prices } from "../../core/placement/prices.js";
import type { Waiting } from "../../core/placement/queue.js";
import type { Store } from "../../core/ports/store.js";
import type { Hole } from "../../model/capacity/hole.js";
import type { Plan } from "../../model/capacity/plan.js";
import type { PredictionReport, PredictionSource } from "../../model/capacity/prediction.js";
import { messageOf } from "../../model/errors.js";
import type { NodeName } from "../../model/ids.js";
import type { HookEvent } from "../../model/records/utilization.js";
import type { Events } from "../state/events.js";

/** The most that a crash of the daemon can make it forget. */
const saveMs = 60_000;
/** How far ahead predictions are checked, in turn: the usual run times of functions. */
const horizonsMs = [1_000, 10_000, 60_000, 600_000];

/** The prediction that the hole on a node is still open at `dueAtMs`. */
interface Forecast {
  readonly source: PredictionSource;
  readonly probability: number;
  readonly dueAtMs: number;
}

export interface LearningPolicy {
  readonly runtime: RuntimePolicy;
  readonly vacateMs: number;
}

/** The basis of an expected run time. */
type KnownWork = Pick<Waiting, "functionKey" | "timeLimitMs" | "ranMs">;

export class Learning implements Prediction {
  survival = new SurvivalModel();
  readonly passingSinceMs = new Map<string, number>();
  readonly prices = new Prices();
  private runtimes: RuntimeModel;
  private calibration = new Calibration();
  private readonly watch = new HoleWatch();
  /** One at a time for each hole, so that they are limited in number and independent. */
  private readonly forecasts = new Map<NodeName, Forecast>();
  private forecastsMade = 0;
  private savedAtMs = nowMs();

  constructor(
    private readonly store: Store,
    events: Events,
    private readonly policy: LearningPolicy,
    private readonly log: Logger,
  ) {
    events.subscribe(["functionRan"], ({ functionKey, wallMs, paceMs }) =>
      this.runtimes.record(functionKey, wallMs, paceMs),
    );
    events.subscribe(["hookReported"], ({ report }) => this.hookReported(report));
    this.runtimes = new RuntimeModel(policy.runtime);
  }

  get vacateMs(): number {
    return this.policy.vacateMs;
  }

  /** Loads what an earlier daemon learned, as far as it is readable. */
  async load(): Promise<void> {
    const read = async <Model>(name: string, from: (json: string) => Model | null, none: Model) => {
      const json = await this.store.loadLearned(name);
      return (json === null ? null : from(json)) ?? none;
    };
    const { runtime } = this.policy;
    const runtimesOf = (json: string) => RuntimeModel.fromJson(json, runtime);
    this.survival = await read("survival", SurvivalModel.fromJson, this.survival);
    this.calibration = await read("calibration", Calibration.fromJson, this.calibration);
    this.runtimes = await read("runtimes", runtimesOf, this.runtimes);
  }

  /** What is not saved is learned again: an error must not stop the daemon. */
  async save(): Promise<void> {
    this.savedAtMs = nowMs();
    const results = await Promise.allSettled([
      this.store.saveLearned("survival", this.survival.toJson()),
      this.store.saveLearned("calibration", this.calibration.toJson()),
      this.store.saveLearned("runtimes", this.runtimes.toJson()),
    ]);
    for (const result of results)
      if (result.status === "rejected")
        this.log.warn({ cause: messageOf(result.reason) }, "cannot save what was learned");
  }

  expectedMs({ functionKey, timeLimitMs, ranMs }: KnownWork): number {
    return this.runtimes.expectedMs(functionKey ?? "", timeLimitMs, ranMs);
  }

  usualMs({ functionKey, timeLimitMs, ranMs }: KnownWork): number {
    return this.runtimes.usualMs(functionKey ?? "", timeLimitMs, ranMs);
  }

  ownRuns({ functionKey }: Pick<KnownWork, "functionKey">): OwnRuns | null {
    return this.runtimes.ownRuns(functionKey ?? "");
  }

  openedAtMs(node: NodeName): number | null {
    return this.watch.openedAtMs(node);
  }

  private hookReported({ node, kind, atMs }: HookEvent): void {
    if (kind === "end") {
      this.watch.jobEnded(node, atMs);
      return;
    }
    const ended = this.watch.jobBegan(node, atMs);
    if (ended !== null) this.holeEnded(ended);
  }

  /** A plan shows the open holes as of `atMs` (when the nodes were read). */
  planMade(plan: Plan, atMs: number): void {
    for (const ended of this.watch.look(plan.holes, plan.unusable, atMs)) this.holeEnded(ended);
    for (const hole of plan.holes) this.forecast(hole, atMs);
    if (nowMs() - this.savedAtMs >= saveMs) void this.save();
  }

  private holeEnded(ended: Ended): void {
    if (ended.teaches) this.survival.record(ended);
    const forecast = this.forecasts.get(ended.node);
    if (forecast === undefined) return;
    this.forecasts.delete(ended.node);
    const held = forecast.dueAtMs <= ended.endedAtMs;
    // A hole that only disappeared from view says nothing about a prediction that was not due.
    if (held || ended.closed) this.calibration.record(forecast.source, forecast.probability, held);
  }

  private forecast({ node, kind, end, predictedEndAtMs }: Hole, atMs: number): void {
    const open = this.forecasts.get(node);
    if (open !== undefined && open.dueAtMs > atMs) return;
    if (open !== undefined) this.calibration.record(open.source, open.probability, true);
    const aheadMs = horizonsMs[this.forecastsMade++ % horizonsMs.length]!;
    const plannedInMs = predictedEndAtMs === null ? null : predictedEndAtMs - atMs;
    const ageMs = atMs - (this.openedAtMs(node) ?? atMs);
    const hazardRatio = this.survival.hazardRatio(node);
    const outlook = { kind, ageMs, hazardRatio, plannedInMs, plannedConfidence: end.confidence };
    const isByPlan = plannedInMs !== null && plannedInMs < aheadMs;
    this.forecasts.set(node, {
      source: isByPlan ? end.source : "survival",
      probability: holdsProbability(outlook, aheadMs, this.survival),
      dueAtMs: atMs + aheadMs,
    });
  }

  report(): PredictionReport {
    return {
      sources: this.calibration.report(),
      lives: this.survival.report(),
      learnedFunctions: this.runtimes.learnedFunctions,
    };
  }
}
