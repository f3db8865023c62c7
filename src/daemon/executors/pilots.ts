// Pilots in Slurm's queue: submits them where work waits for the cores of a hole, withdraws
// unneeded ones, and handles failures.

import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import type { Config } from "../../config.js";
import {
  executorMemoryMb,
  longestWorkMs,
  minuteMs,
  type Pilot,
  type PilotMark,
  pilotBudget,
  pilotMinutes,
  type Room,
  unservedCores,
  withoutPilots,
} from "../../core/capacity/pilots.js";
import { preemptionProblemOf } from "../../core/capacity/preemption-check.js";
import type { Waiting } from "../../core/placement/queue.js";
import type { Launcher } from "../../core/ports/launcher.js";
import { pilotStateOf } from "../../launch/pilot.js";
import { Interval } from "../../limits/rate-limit.js";
import type { Hole } from "../../model/capacity/hole.js";
import type { PlanStep } from "../../model/capacity/plan.js";
import type { ExecutorId, NodeName } from "../../model/ids.js";
import type { Resources } from "../../model/resources.js";
import { holdsNodes, isSuspended, type Job } from "../../model/slurm/job.js";
import type { Snapshot } from "../../model/slurm/snapshot.js";
import type { StartFailures } from "../invocations/start-failures.js";
import type { Learning } from "../records/learning.js";
import type { Events } from "../state/events.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
import type { Registry } from "../state/registry.js";
import type { Launching } from "./launching.js";

/**
 * How often at most gleanerd checks whether waiting work needs a pilot: it costs a walk over
 * executors and queue.
 */
const demandWakeMs = 1_000;
/**
 * The most holes considered then, largest first as in a plan. An invocation avoids fewer nodes, so
 * one of these is open to it.
 */
const maxOpenHoles = 8;
/** A withdrawn pilot is cancelled by then. */
const strayPendingMs = 2_000;
/**
 * A busy slurmctld shows a job as running for seconds after its executor has left, and cancelling
 * it then would turn its COMPLETED into a wrong CANCELLED. A running pilot is sent away when it
 * connects: only one that hangs is cancelled.
 */
const strayRunningMs = 30_000;

export interface PilotsDependencies {
  readonly config: Config["placement"]["pilot"];
  readonly memoryMarginMb: number;
  readonly mark: PilotMark;
  readonly registry: Registry;
  readonly events: Events;
  readonly live: LiveInvocations;
  readonly learning: Pick<Learning, "expectedMs" | "vacateMs">;
  readonly startFailures: Pick<StartFailures, "avoidedBy">;
  readonly allowedNodes: { of(waiting: Waiting): ReadonlySet<NodeName> | undefined };
  readonly launcher: Launcher;
  readonly launching: Pick<Launching, "start">;
  readonly gone: (record: ExecutorRecord, reason: string, end: "EVICTED" | "LOST") => Promise<void>;
  readonly log: Logger;
}

/** What a pilot submitted for a hole now would have. */
interface Offer {
  readonly node: NodeName;
  readonly budget: Resources;
  readonly timeLimitMs: number;
}

const nothingWaits = { kind: "stop", reason: "no work waits for it any more" } as const;

export class Pilots {
  /** One sentence if Slurm would not preempt pilots; unknown until the first read. */
  problem: string | null = "gleanerd has not read Slurm yet";
  private readonly demandWake = new Interval(demandWakeMs);
  /** For the largest holes without an executor. */
  private openOffers: readonly Offer[] = [];
  /**
   * Unknown pilots, with the time when each was first seen: as of the last read, and as found by
   * this one.
   */
  private strays = new Map<ExecutorId, number>();
  private nextStrays = new Map<ExecutorId, number>();
  private countedCommands = 0;

  constructor(private readonly deps: PilotsDependencies) {
    deps.events.subscribe(["workLeftWaiting"], () => this.workWaits());
  }

  /** Returns the read of Slurm without our own jobs, after following up on those. */
  look(read: Snapshot): Snapshot {
    const { mark } = this.deps;
    this.problem = preemptionProblemOf(read, mark.partition);
    const { snapshot, pilots } = withoutPilots(read, mark);
    this.nextStrays = new Map();
    for (const pilot of pilots) this.follow(pilot, read.jobsAskedAtMs);
    this.strays = this.nextStrays;
    return snapshot;
  }

  private follow({ executor, job, memoryMb }: Pilot, askedAtMs: number): void {
    const { registry, live } = this.deps;
    const record = registry.get(executor);
    if (record === undefined) this.followStray(executor, job);
    else if (job.state === "PENDING") {
      record.waitReason = job.reason;
      // It may have started since, but not earlier.
      if (job.timeLimitMs !== null) record.timeIsOverAtMs = askedAtMs + job.timeLimitMs;
      if (live.queue.size === 0) this.takeBack(record, nothingWaits);
    } else if (isSuspended(job) || job.state === "STOPPED") this.endSuspended(record, job);
    else if (holdsNodes(job)) {
      // Slurm may have rounded up the request.
      record.order({ cores: job.cores, memoryMb: memoryMb - executorMemoryMb, gpus: [] });
      if (job.state === "RUNNING") record.timeIsOverAtMs = job.endAtMs;
    } else if (record.line === null) this.ended(record, job);
  }

  /**
   * A suspended or stopped pilot answers nothing until somebody resumes it, nor do its functions.
   * Once it is cancelled, they are evicted and run elsewhere.
   */
  private endSuspended(record: ExecutorRecord, job: Job): void {
    record.retire("stop", `Slurm reports its pilot, job ${job.id}, as ${job.state}`);
    void this.deps.launcher.withdraw?.(record.id);
  }

  /**
   * A pilot that has just left or was withdrawn is still in Slurm for a moment; one that stays was
   * forgotten.
   */
  private followStray(executor: ExecutorId, job: Job): void {
    if (job.state !== "PENDING" && job.state !== "RUNNING") return;
    const sinceMs = this.strays.get(executor) ?? nowMs();
    const allowedMs = job.state === "PENDING" ? strayPendingMs : strayRunningMs;
    if (nowMs() - sinceMs >= allowedMs) {
      this.deps.log.info({ executor, job: job.id }, "withdrawing an unknown pilot");
      void this.deps.launcher.withdraw?.(executor);
    } else this.nextStrays.set(executor, sinceMs);
  }

  /**
   * For a pilot whose executor is silent: it never came, or was killed before it could report why.
   */
  private ended(record: ExecutorRecord, job: Job): void {
    const { events, gone } = this.deps;
    const what = `its pilot, Slurm's job ${job.id}, ended ${job.state}`;
    const hasWorked = !isComing(record) || record.attempts.size > 0;
    const isEviction = pilotStateOf(job.state) === "evicted";
    // If something else ended it before it worked, it is not resubmitted at once.
    const detail = `${what} before it was ready: see its log`;
    if (!hasWorked && job.state !== "PREEMPTED")
      events.publish({ type: "executorFailed", executor: record, detail });
    void gone(record, what, isEviction ? "EVICTED" : "LOST");
  }

  /**
   * Whether a plan's step concerns no executor: a pilot keeps its size whatever the plan says, and
   * one that is only a waiting job is cancelled.
   */
  takeBack(record: ExecutorRecord, step: Pick<PlanStep, "kind" | "reason">): boolean {
    if (step.kind === "resize") return record.placement === "pilot";
    const onlyWaits = record.state === "requested" && record.attempts.size === 0;
    if (record.placement !== "pilot" || record.line !== null || !onlyWaits) return false;
    void this.deps.launcher.withdraw?.(record.id);
    void this.deps.gone(record, step.reason, "LOST");
    return true;
  }

  /** Starts one in this hole if waiting work would run there. */
  start(hole: Hole, snapshot: Snapshot): void {
    const { launching, registry } = this.deps;
    const node = snapshot.nodes.find((each) => each.name === hole.node)!;
    const offer = this.offerFor(hole, snapshot);
    if (offer === null || !this.isAnyWanted([offer])) return;
    const { budget, timeLimitMs } = offer;
    const order = { budget, seenHookSequence: 0, knownJobs: [] };
    const size = { budget, timeLimitMs };
    launching.start(node, order, snapshot.facts, size);
    // What it will have, so that no others are started for the same work.
    const record = registry.onNode(node.name);
    if (record?.state !== "requested") return;
    record.claimed = budget;
    record.timeIsOverAtMs = nowMs() + timeLimitMs;
  }

  /** null if the hole is too small, or open for less than a minute. */
  private offerFor(hole: Hole, snapshot: Snapshot): Offer | null {
    const { maxMemoryPerCoreMb } = snapshot.facts;
    const budget = pilotBudget(hole.free, this.deps.memoryMarginMb, maxMemoryPerCoreMb);
    const timeLimitMs = this.timeIn(hole, snapshot);
    return budget === null || timeLimitMs === 0 ? null : { node: hole.node, budget, timeLimitMs };
  }

  /** The time limit of a pilot submitted for this hole now; 0 if there is less than a minute. */
  private timeIn({ predictedEndAtMs }: Hole, snapshot: Snapshot): number {
    const endsInMs = predictedEndAtMs === null ? null : predictedEndAtMs - nowMs();
    return pilotMinutes(endsInMs, this.timeLimitMs(snapshot)) * minuteMs;
  }

  /** The longest time that Slurm gives a pilot. */
  private timeLimitMs({ partitions }: Snapshot): number {
    const { config, mark } = this.deps;
    const ours = partitions.find(({ name }) => name === mark.partition);
    return Math.min(config.timeLimitMs, ours?.maxTimeMs ?? Number.POSITIVE_INFINITY);
  }

  /**
   * The longest work that pilots have time for, and that one submitted for a hole open now would
   * have.
   */
  timeFor(holes: readonly Hole[], snapshot: Snapshot) {
    const times = holes.map((hole) => this.timeIn(hole, snapshot));
    return {
      longestMs: longestWorkMs(this.timeLimitMs(snapshot)),
      nowLongestMs: longestWorkMs(Math.max(0, ...times)),
    };
  }

  /** Work waits and has not started: reads Slurm soon if a pilot would help. */
  private workWaits(): void {
    if (this.openOffers.length === 0 || !this.demandWake.passes()) return;
    if (this.isAnyWanted(this.openOffers)) this.deps.events.publish({ type: "pilotWanted" });
  }

  planMade(holes: readonly Hole[], snapshot: Snapshot): void {
    this.openOffers = holes
      .filter(({ node }) => this.deps.registry.onNode(node) === undefined)
      .sort((left, right) => right.free.cores - left.free.cores)
      .slice(0, maxOpenHoles)
      .map((hole) => this.offerFor(hole, snapshot))
      .filter((offer) => offer !== null);
  }

  /** Whether waiting work would run in a pilot with one of these offers. */
  private isAnyWanted(offers: readonly Offer[]): boolean {
    const { config, registry, live, learning } = this.deps;
    const records = registry.all().filter(hasRoom);
    if (records.filter(isComing).length >= config.maxPending) return false;
    const rooms = records.map((record) => roomOf(record, learning.vacateMs));
    const nodesOfRooms = records.map(({ node }) => node);
    return offers.some(({ node, budget, timeLimitMs }) => {
      const choice = {
        longestMs: longestWorkMs(timeLimitMs),
        expectedMs: (waiting: Waiting) => learning.expectedMs(waiting),
        node,
        avoidedBy: (waiting: Waiting) => this.barredTo(waiting, [node, ...nodesOfRooms]),
      };
      return unservedCores(live.queue, rooms, budget, choice) > 0;
    });
  }

  /** Those of these nodes that it may not have, and all that it avoids. */
  private barredTo(waiting: Waiting, nodes: readonly NodeName[]): readonly NodeName[] {
    const { startFailures, allowedNodes } = this.deps;
    const allowed = allowedNodes.of(waiting);
    const barred = allowed === undefined ? [] : nodes.filter((node) => !allowed.has(node));
    return [...startFailures.avoidedBy(waiting), ...barred];
  }

  /** The number of commands to slurmctld for pilots since the last call. */
  newCommands(): number {
    const count = this.deps.launcher.commandCount?.() ?? 0;
    const since = count - this.countedCommands;
    this.countedCommands = count;
    return since;
  }
}

function roomOf(record: ExecutorRecord, vacateMs: number): Room {
  const { budget, free, timeIsOverAtMs, node } = record;
  if (timeIsOverAtMs === null) return { budget, free, node };
  const leftMs = timeIsOverAtMs - nowMs() - vacateMs;
  return { budget, free, node, leftMs };
}

const hasRoom = ({ state }: ExecutorRecord): boolean => state !== "draining" && state !== "gone";

/** It was requested, but does not work yet. */
const isComing = ({ state }: ExecutorRecord): boolean =>
  state === "requested" || state === "starting";
