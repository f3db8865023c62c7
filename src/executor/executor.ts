// The executor: holds the budget, yields to Slurm's jobs, runs the daemon's orders, and leaves.

import { hostname } from "node:os";
import { setImmediate } from "../clock.js";
import { messageOf } from "../model/errors.js";
import type { InvocationId, JobId } from "../model/ids.js";
import { lesser, nothing, type Resources, subtract } from "../model/resources.js";
import type { LaunchSpec } from "../wire/launch.js";
import type { AttemptKey, AttemptOrder, BudgetOrder } from "../wire/messages.js";
import type { AttemptEvents, Ended, Running } from "./attempts/attempt.js";
import { Attempts } from "./attempts/attempts.js";
import { CheckpointRemover } from "./attempts/checkpoints.js";
import { lossOf } from "./attempts/eviction-report.js";
import type { Outcome } from "./attempts/outcome.js";
import { msSince } from "./attempts/timing.js";
import { Allowance } from "./budget/allowance.js";
import { Outbox, type Send } from "./connection/outbox.js";
import type { Containment } from "./containment/containment.js";
import { Departure } from "./departure.js";
import { type Heard, hear, type Listeners } from "./heard.js";
import type { JobMarks } from "./hook/node-folder.js";
import type { BeginLine, HookHandlers } from "./hook/socket.js";
import { beginOf } from "./hook/step-watch.js";
import type { Log } from "./log.js";
import { Orders } from "./orders.js";
import { execRuntime } from "./runtimes/exec.js";
import type { Surroundings } from "./surroundings.js";
import { withWorkers } from "./workers/with-workers.js";

export class Executor implements HookHandlers {
  readonly outbox = new Outbox();
  private readonly attempts: Attempts;
  private readonly orders: Orders;
  private readonly remover: CheckpointRemover;
  private readonly allowance: Allowance;
  private budget: Resources = nothing;
  /** null if the hook works. Until it has been probed, no function may run. */
  private hookProblem: string | null = "the hook has not been probed yet";
  readonly departure: Departure;
  private readonly listeners: Listeners;

  constructor(
    spec: LaunchSpec,
    private readonly folder: JobMarks,
    private readonly containment: Containment,
    private readonly log: Log,
    private readonly outside: Surroundings,
  ) {
    const { spawner, pass, gone } = outside;
    this.allowance = new Allowance(spec, containment, (reason) => void this.leave(reason));
    const events: AttemptEvents = {
      onStarted: (key) => this.orders.started(key),
      onEnded: (key, outcome) => this.onEnded(key, outcome),
      onHung: (group) => {
        outside.hung?.(group);
        // Sent before the end of the attempt: the daemon would fill its place again.
        this.outbox.sayNow({ type: "budget", budget: this.usable });
      },
      onNodeFull: () => this.departure.close(),
      isNodeShortOf: outside.isNodeShortOf,
      onTrouble: (what) => log("trouble", { what }),
    };
    const exec = execRuntime(containment, spec, spawner, outside);
    const runtime = outside.workers ? withWorkers(exec, outside.workers, () => this.room) : exec;
    this.attempts = new Attempts(containment, spec, runtime, events, pass);
    this.orders = new Orders(this.attempts, this.outbox, {
      budget: () => this.budget,
      refusal: (order) => this.refusal(order),
      onEnded: events.onEnded,
    });
    const removed = (invocation: InvocationId, problem: string | null) =>
      this.outbox.sayNow({ type: "checkpointRemoved", invocation, problem });
    this.remover = new CheckpointRemover(containment, spawner, removed);
    const { attempts, orders, remover, outbox } = this;
    const onLeaving = (reason: string) => log("leaving", { reason });
    this.departure = new Departure({ attempts, orders, remover, spawner, outbox, onLeaving, gone });
    this.listeners = {
      ...{ attempts, orders, remover, outside, departure: this.departure },
      obey: (order) => void this.obey(order),
      forget: (jobs) => this.forget(jobs),
      room: () => this.room,
      isBesideJob: () => this.budget.cores === 0 || this.allowance.waitsForCores,
    };
  }

  /** Reads the jobs from before; called once the hook's socket listens, to miss none. */
  readMarks(): void {
    // A job whose prolog has reported to us since is not one from before.
    for (const mark of this.folder.readMarks())
      if (!this.allowance.has(mark.job)) this.allowance.addJob(mark, "mark");
  }

  /** A step started on the node. If no prolog reported its job, it may have the whole node. */
  async stepBegan(job: JobId): Promise<void> {
    if (this.allowance.knows(job)) return;
    this.log("jobWithoutProlog", { job });
    await this.begin(beginOf(job));
  }

  /** The daemon's connection is lost: what was asked for on it does not come any more. */
  onLost(): void {
    this.outbox.detach();
    this.outside.code?.disconnected();
  }

  /** The jobs beside which functions run; none while nothing runs. */
  get jobsBesideWork(): Iterable<JobId> {
    return this.attempts.running.length === 0 ? [] : this.allowance.jobs;
  }

  /** With a working hook, the budget takes effect where the node can enforce it. */
  setHookProblem(problem: string | null): void {
    const { budget, waitsForCores } = this.allowance;
    this.hookProblem = problem ?? (waitsForCores ? null : this.allowance.confine(budget));
    if (this.hookProblem === null) this.setBudget(budget);
    else this.log("hookProblem", { problem: this.hookProblem });
  }

  /** Called first on each connection; the waiting reports follow. */
  onConnected(send: Send): void {
    send({
      type: "ready",
      pid: process.pid,
      hostName: hostname(),
      hookProblem: this.hookProblem,
      ...this.departure.told,
      containment: this.containment.kind,
      budget: this.usable,
      answersFor: [...this.attempts.keys, ...this.orders.waiting, ...this.outbox.unrecorded],
      markedJobs: this.allowance.jobs,
      hookSequence: this.allowance.sequence,
      takesRuns: true,
    });
    this.outside.workers?.connected();
    this.outbox.attach(send); // stays even without a budget: marks may be stale
    this.outside.payloads?.connected();
    this.outside.leases?.connected();
  }

  onMessage(message: Heard): void {
    hear(message, this.listeners);
  }

  async begin(line: BeginLine): Promise<number> {
    const { job } = line.job;
    const heardMs = msSince(line.startNs);
    const sequence = this.allowance.addJob(line.job, "hook");
    this.budget = lesser(this.budget, this.allowance.budget);
    const { attempts } = this;
    const victims = attempts.victimsFor(this.budget);
    // Freezes first, because killing the others takes this process a while.
    const stands = !this.allowance.waitsForCores || attempts.freeze(victims, line.answerMs / 2);
    const eviction = attempts.evict(victims, `Slurm gave its resources to job ${job}`, this.budget);
    // Sent before the first report of their ends: the daemon would fill their places again.
    if (victims.length > 0) this.outbox.sayNow({ type: "budget", budget: this.usable });
    const removed = this.remover.stop();
    // Nothing may run until the job's cores are known: what does not freeze has to go.
    const why = `Slurm's job ${job} may have been given its cores`;
    if (!(await stands)) await attempts.evict(attempts.keys, why, nothing).freed;
    await Promise.all([eviction.freed, removed]);
    const tookMs = msSince(line.startNs);
    this.log("jobBegan", { job, victims: victims.length, heardMs, tookMs, budget: this.budget });
    void eviction.ended.then((ended) => this.begun(line, sequence, tookMs, ended));
    return victims.length;
  }

  /** After the hook's answer, as shrinking a memory limit may take the kernel a while. */
  private begun(line: BeginLine, sequence: number, tookMs: number, ended: readonly Ended[]): void {
    const loss = lossOf(line.job, ended, this.allowance.totalCores, this.allowance.orderedGpus);
    this.outbox.event((agoMs) => ({ ...loss, sequence, tookMs, agoMs }));
    setImmediate(() => {
      this.setBudget(this.budget);
      this.leaveIfNothingIsLeft(`Slurm's job ${line.job.job} took all of the node's budget`);
    });
  }

  end(job: JobId): void {
    const sequence = this.allowance.removeJob(job);
    if (this.hookProblem === null && this.resume()) this.allowance.watchWait();
    this.outbox.event((agoMs) => ({ type: "jobEnded", sequence, job, agoMs }));
  }

  /** A second call changes nothing. */
  leave(reason: string, graceMs = 0): Promise<void> {
    return this.departure.leave(reason, graceMs);
  }

  get running(): readonly Running[] {
    return this.attempts.running;
  }

  /** A job that the current order could not include still counts. */
  private forget(jobs: readonly JobId[]): void {
    try {
      this.folder.removeMarks(this.allowance.forget(jobs));
    } catch (thrown) {
      this.log("trouble", { what: `cannot remove marks: ${messageOf(thrown)}` });
    }
  }

  private async obey(order: BudgetOrder): Promise<void> {
    this.allowance.obey(order);
    if (this.hookProblem !== null) return;
    this.budget = this.allowance.budget;
    const victims = this.attempts.victimsFor(this.budget);
    await this.attempts.evict(victims, "gleanerd reduced the budget", this.budget).ended;
    if (!this.resume()) return;
    this.setBudget(this.budget);
    this.leaveIfNothingIsLeft("gleanerd reduced the budget to nothing");
  }

  /** Resumes frozen attempts on the budget's CPUs; false if they cannot be confined to them. */
  private resume(): boolean {
    if (this.allowance.waitsForCores) return true;
    const problem = this.allowance.confine(this.budget);
    if (problem === null) this.attempts.thaw();
    else void this.leave(problem);
    return problem === null;
  }

  /** While a job's cores are unknown, no more than what is held already. */
  private get usable(): Resources {
    const { held } = this.attempts;
    return this.allowance.waitsForCores ? lesser(held, this.budget) : this.budget;
  }

  /** What may be used and no attempt holds. */
  private get room(): Resources {
    return this.departure.mode === "serving" ? subtract(this.usable, this.attempts.held) : nothing;
  }

  private setBudget(budget: Resources): void {
    this.budget = budget;
    try {
      if (budget.cores > 0) this.containment.limit(budget); // cached files refuse a limit of 0
    } catch (thrown) {
      this.log("trouble", { what: `the kernel refused the limits: ${messageOf(thrown)}` });
    }
    this.allowance.watchWait();
    this.outbox.sayNow({ type: "budget", budget: this.usable });
  }

  /** A plan may be stale: an order that does not fit here returns to the queue. */
  private refusal(order: AttemptOrder): string | null {
    if (this.departure.mode !== "serving") return "the executor was leaving its node";
    if (this.hookProblem !== null) return this.hookProblem;
    if (this.allowance.waitsForCores) return "the cores of a new job were not known yet";
    if (this.outbox.isFull) return "too many reports wait for gleanerd";
    return this.attempts.refusal(order, this.budget);
  }

  private onEnded(key: AttemptKey, outcome: Outcome): void {
    // Sent before the daemon counts on its cores, which may be the job's.
    if (this.allowance.waitsForCores) this.outbox.sayNow({ type: "budget", budget: this.usable });
    this.outside.payloads?.ended(key, outcome.answer);
    this.orders.ended(key, outcome);
    this.departure.leaveIfDrained();
  }

  private leaveIfNothingIsLeft(reason: string): void {
    const isEmpty = this.budget.cores === 0 && !this.allowance.isHeldBack;
    if (this.hookProblem === null && isEmpty) void this.leave(reason);
  }
}
