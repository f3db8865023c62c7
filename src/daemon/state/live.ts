// The invocations that are not final, in memory: which wait, which run, and how much each user has
// of them. Tasks of an array that nobody has tried to run are runs in the queue.

import type { WaitingQueue } from "../../core/placement/queue.js";
import type { IdRange, LiveInvocation } from "../../core/ports/store.js";
import { RecordingTurns } from "../../limits/recording-turns.js";
import type { TasksOfRun } from "../../model/array-tasks.js";
import { assert } from "../../model/errors.js";
import type { ExecutorId, InvocationId, VersionId } from "../../model/ids.js";
import {
  type Invocation,
  invocationTransitions,
  isFinal,
  type Progress,
  type SubmissionDigest,
} from "../../model/invocation.js";
import { step } from "../../model/machine.js";
import { gresField } from "../../model/slurm/gres-counts.js";
import { type Assignment, Assignments } from "./assignments.js";
import type { Events } from "./events.js";
import { Live, type LiveSubmission, progressOf, wasEvicted } from "./live-invocation.js";
import { LiveRun } from "./live-run.js";
import { Reservations } from "./reservations.js";
import type { SharedPlace } from "./shared-place.js";
import { type OpenTasks, Shares, type UserShare } from "./shares.js";
import { UnrecordedCalls } from "./unrecorded.js";
import { WaitingRoom } from "./waiting-room.js";

export class LiveInvocations {
  /** Those of the running ones. */
  readonly assignments = new Assignments(({ invocation }) =>
    this.hold(this.byId.get(invocation)!, 1),
  );
  /** Those that are not on record yet; also some that have ended. */
  readonly unrecorded = new UnrecordedCalls();
  /** The sizes of submissions that are being recorded. */
  readonly arriving = new Reservations<"tasks" | "entries" | "documentBytes" | "folders">();
  /** Who may record a submission now. */
  readonly recording = new RecordingTurns();
  /** By uid. */
  readonly coresHeld = new Map<string, number>();
  /** All but the tasks that wait as runs. */
  private readonly byId = new Map<InvocationId, Live>();
  /** Those that wait. */
  readonly room = new WaitingRoom();
  private readonly shares = new Shares();

  constructor(private readonly events: Events) {}

  /** Scripts, environments and inputs in the store, over all users. */
  get documentBytes(): number {
    return this.shares.documentBytes;
  }

  get size(): number {
    return this.byId.size + this.room.inRuns;
  }

  get running(): number {
    return this.size - this.room.size;
  }

  /** Those that wait for a place. */
  get queue(): WaitingQueue<LiveRun> {
    return this.room.queue;
  }

  /** A task that waits in a run is made when asked for, and a change of it is lost. */
  get(id: InvocationId): Live | undefined {
    return this.byId.get(id) ?? this.room.runOf(id)?.at(id);
  }

  has(id: InvocationId): boolean {
    return this.byId.has(id) || this.room.runOf(id) !== undefined;
  }

  /** All but the tasks that wait as runs, of a user or of all. */
  singles(uid?: number): Iterable<Live> {
    return uid === undefined ? this.byId.values() : this.of(uid).singles;
  }

  /** The tasks that wait as runs, of a user or of all, also those whose end is being written. */
  runs(uid?: number): Iterable<LiveRun> {
    return uid === undefined ? this.room.runs() : this.room.runsOf(uid);
  }

  /** The versions of functions that calls wait for or run. */
  versions(): readonly VersionId[] {
    const all = new Set<VersionId>();
    const note = ({ digest: { version } }: { readonly digest: SubmissionDigest }) =>
      version !== null && all.add(version);
    for (const live of this.byId.values()) note(live);
    for (const run of this.runs()) note(run.submission);
    return [...all];
  }

  /** A user's share. */
  of(uid: number): Readonly<UserShare> {
    return this.shares.of(uid);
  }

  /** The tasks of an array that are not final; null if it has ended or is not an array. */
  tasksOf(id: InvocationId): OpenTasks | null {
    return this.shares.tasksOf(id);
  }

  hasArray(id: InvocationId): boolean {
    return this.shares.tasksOf(id) !== null;
  }

  /** A task of an array that is not final; undefined if there is none. */
  oneOf(id: InvocationId): Live | undefined {
    const tasks = this.tasksOf(id);
    if (tasks === null) return undefined;
    for (const live of tasks.singles) return live;
    const [run] = this.room.runs(tasks.ids);
    return run?.at(run.fromId);
  }

  /** Adds a submitted or recovered invocation; `assigned` says where a running one is. */
  add(
    { invocation, digest, ranMs = 0 }: LiveInvocation,
    assigned: Pick<Assignment, "executor" | "ordered"> | null,
    place: SharedPlace | null = null,
  ): Live {
    const { id, arrayTaskId } = invocation;
    assert(!this.has(id), `invocation ${id} is taken in once`);
    const submission = this.shares.add(invocation, digest, 1);
    this.noteMail(invocation, digest);
    const live = new Live(id, arrayTaskId, progressOf(invocation), submission);
    wasEvicted(live, ranMs);
    this.keep(live);
    if (assigned !== null) this.assign(live, assigned, place);
    if (live.state === "PENDING") this.wait(live);
    else this.hold(live, 1);
    return live;
  }

  /** Adds `count` tasks of an array, beginning with this one. */
  addRun({ invocation, digest }: LiveInvocation, { count, step }: TasksOfRun): void {
    const { id, arrayTaskId } = invocation;
    assert(!this.has(id), `task ${id} is taken in once`);
    const submission = this.shares.add(invocation, digest, count);
    this.noteMail(invocation, digest);
    const toId = (id + count - 1) as InvocationId;
    this.room.addRun(new LiveRun(id, toId, arrayTaskId!, step, submission));
    this.noteDeferred(submission, id);
  }

  private noteMail(invocation: Invocation, { mail }: SubmissionDigest): void {
    if (mail !== undefined) this.events.publish({ type: "mailWanted", invocation, mail });
  }

  private keep(live: Live): void {
    this.byId.set(live.id, live);
    this.shares.keep(live);
  }

  /** PENDING to RUNNING as attempt `attempt`. */
  begin(
    live: Live,
    executor: ExecutorId,
    change: Pick<Invocation, "attempt" | "startedAtMs" | "node">,
    place: SharedPlace | null = null,
  ): Assignment {
    this.withdraw(live);
    this.become(live, { ...change, state: "RUNNING" });
    const assignment = this.assign(live, { executor, ordered: null }, place);
    this.hold(live, 1);
    const { id, arrayJobId: array, arrayTaskId: task } = live;
    const { attempt } = change;
    this.events.publish({ type: "invocationBegan", id, array, task, attempt });
    return assignment;
  }

  /**
   * RUNNING to PENDING: evicted or lost; or never begun, with the number of the previous attempt.
   */
  requeue(live: Live, reason: string | null, attempt = live.attempt): void {
    this.hold(live, -1);
    this.assignments.settle(live.id);
    this.become(live, { state: "PENDING", reason, node: null, startedAtMs: null, attempt });
    this.wait(live);
    const { id, arrayJobId: array } = live;
    this.events.publish({ type: "invocationReturned", id, array });
  }

  private wait(live: Live): void {
    this.room.add(live);
    this.noteDeferred(live.submission, live.id);
  }

  private noteDeferred({ schedule, requested }: LiveSubmission, id: InvocationId): void {
    if (schedule !== null)
      this.events.publish({ type: "deferred", submission: requested.arrayJobId ?? id });
  }

  /** Keeps a waiting invocation from starting while its end is written; restore puts it back. */
  withdraw(live: Live): void {
    assert(this.room.remove(live.id), "what is withdrawn was waiting");
    if (!this.byId.has(live.id)) this.keep(live);
  }

  restore(live: Live): void {
    this.wait(live);
  }

  /** As withdraw(), for the tasks with these ids that wait as runs. */
  withdrawRuns(ids: IdRange): readonly LiveRun[] {
    return this.room.withdrawRuns(ids);
  }

  restoreRun(run: LiveRun): void {
    this.room.restoreRun(run);
    this.noteDeferred(run.submission, run.fromId);
  }

  /** To a final state; it is removed here, the store keeps it. */
  finish(live: Live, change: Partial<Progress> & Pick<Progress, "state">): void {
    if (live.state === "RUNNING") {
      this.hold(live, -1);
      this.assignments.settle(live.id);
    } else this.room.remove(live.id);
    const { id, arrayJobId: array } = live;
    this.byId.delete(id);
    this.shares.drop(live);
    this.shares.forget(live.submission, 1);
    this.become(live, change);
    assert(isFinal(live.state), "what is finished is final");
    this.events.publish({ type: "invocationEnded", invocation: live.invocation });
    if (array !== null && !this.hasArray(array)) this.events.publish({ type: "arrayEnded", array });
  }

  /** As finish(), for a withdrawn run; the store has the end of each task. */
  finishRun(run: LiveRun): void {
    const { fromId, toId, count, submission } = run;
    const array = submission.requested.arrayJobId!;
    this.room.forgetRun(run);
    this.shares.forget(submission, count);
    this.events.publish({ type: "tasksEnded", array, ids: [fromId, toId] });
    if (!this.hasArray(array)) this.events.publish({ type: "arrayEnded", array });
  }

  private assign(
    { id, attempt, cores, memoryMb, gpus, where }: Live,
    given: Pick<Assignment, "executor" | "ordered">,
    place: SharedPlace | null = null,
  ): Assignment {
    const facts = {
      invocation: id,
      attempt,
      cores,
      memoryMb,
      gpus,
      ...gresField(where?.gres),
      ...given,
    };
    return this.assignments.begin(facts, place);
  }

  private become(live: Live, change: Partial<Progress> & Pick<Progress, "state">): void {
    step(invocationTransitions, live.state, change.state, `invocation ${live.id}`);
    live.change(change);
  }

  /** What waits for the place of another, or shares it, holds nothing. */
  private hold({ id, user, cores }: Live, sign: 1 | -1): void {
    if (this.assignments.get(id)?.waits === true) return;
    const held = (this.coresHeld.get(user) ?? 0) + sign * cores;
    if (held === 0) this.coresHeld.delete(user);
    else this.coresHeld.set(user, held);
  }
}
