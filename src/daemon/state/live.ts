// The invocations that are not final, in memory: which wait, which run, and how much each user has
// of them. Tasks of an array that nobody has tried to run are runs in the queue.

import { WaitingQueue } from "../../core/placement/queue.js";
import { WaitingRuns } from "../../core/placement/waiting-runs.js";
import type { IdRange, LiveInvocation } from "../../core/ports/store.js";
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
import { type Assignment, Assignments, type TaskRun } from "./assignments.js";
import type { Events } from "./events.js";
import { Live, LiveSubmission, progressOf, wasEvicted } from "./live-invocation.js";
import { LiveRun } from "./live-run.js";
import { UnrecordedCalls } from "./unrecorded.js";

/** The tasks of an array that are not final; their common part is in memory once. */
interface LiveArray {
  open: number;
  lastId: InvocationId;
  /** Those that do not wait as runs. */
  readonly singles: Set<Live>;
  readonly submission: LiveSubmission;
}

/** A user's invocations that are not final, summed. */
export interface UserShare {
  /** All but the tasks that wait as runs. */
  readonly singles: Set<Live>;
  count: number;
  /** Scripts, environments and inputs in the store, an array's counted once. */
  documentBytes: number;
}

const keptBytesOf = ({ documentBytes, inputBytes }: SubmissionDigest): number =>
  documentBytes + inputBytes;

const noShare = (): UserShare => ({ singles: new Set(), count: 0, documentBytes: 0 });

export class LiveInvocations {
  /** Those of the running ones. */
  readonly assignments = new Assignments(({ invocation }) =>
    this.hold(this.byId.get(invocation)!, 1),
  );
  readonly queue = new WaitingQueue<LiveRun>();
  /** Those that are not on record yet; also some that have ended. */
  readonly unrecorded = new UnrecordedCalls();
  /** By uid. */
  readonly coresHeld = new Map<string, number>();
  /** Over all users. */
  documentBytes = 0;
  /** All but the tasks that wait as runs. */
  private readonly byId = new Map<InvocationId, Live>();
  /** Runs whose end is being written. */
  private readonly withdrawn = new WaitingRuns<LiveRun>();
  private readonly arrays = new Map<InvocationId, LiveArray>();
  private readonly users = new Map<number, UserShare>();

  constructor(private readonly events: Events) {}

  get size(): number {
    return this.byId.size + this.queue.runs.count + this.withdrawn.count;
  }

  get running(): number {
    return this.size - this.queue.size;
  }

  /** A task that waits in a run is made when asked for, and a change of it is lost. */
  get(id: InvocationId): Live | undefined {
    return this.byId.get(id) ?? this.runOf(id)?.at(id);
  }

  has(id: InvocationId): boolean {
    return this.byId.has(id) || this.runOf(id) !== undefined;
  }

  private runOf(id: InvocationId): LiveRun | undefined {
    return this.queue.runs.find(id) ?? this.withdrawn.find(id);
  }

  /** All but the tasks that wait as runs, of a user or of all. */
  singles(uid?: number): Iterable<Live> {
    return uid === undefined ? this.byId.values() : this.of(uid).singles;
  }

  /** The tasks that wait as runs, also those whose end is being written. */
  runs(): Iterable<LiveRun> {
    return [...this.queue.runs, ...this.withdrawn];
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
    return this.users.get(uid) ?? noShare();
  }

  /** The tasks of an array that are not final; null if it has ended or is not an array. */
  tasksOf(id: InvocationId): { readonly singles: ReadonlySet<Live>; readonly ids: IdRange } | null {
    const array = this.arrays.get(id);
    return array === undefined ? null : { singles: array.singles, ids: [id, array.lastId] };
  }

  /** A task of an array that is not final; undefined if there is none. */
  oneOf(id: InvocationId): Live | undefined {
    const tasks = this.tasksOf(id);
    if (tasks === null) return undefined;
    for (const live of tasks.singles) return live;
    for (const runs of [this.queue.runs, this.withdrawn])
      for (const run of runs.between(...tasks.ids)) return run.at(run.fromId);
    return undefined;
  }

  hasArray(id: InvocationId): boolean {
    return this.arrays.has(id);
  }

  /** Adds a submitted or recovered invocation; `assigned` says where a running one is. */
  add(
    { invocation, digest, ranMs = 0 }: LiveInvocation,
    assigned: Pick<Assignment, "executor" | "ordered"> | null,
  ): Live {
    const { id, arrayTaskId } = invocation;
    assert(!this.has(id), `invocation ${id} is taken in once`);
    const submission = this.submissionOf(invocation, digest, 1);
    const live = new Live(id, arrayTaskId, progressOf(invocation), submission);
    wasEvicted(live, ranMs);
    this.keep(live);
    if (live.state === "PENDING") this.queue.add(live);
    else this.hold(live, 1);
    if (assigned !== null) this.assign(live, assigned);
    return live;
  }

  /** Adds `count` tasks of an array, beginning with this one. */
  addRun({ invocation, digest }: LiveInvocation, { count, step }: TasksOfRun): void {
    const { id, arrayTaskId } = invocation;
    assert(!this.has(id), `task ${id} is taken in once`);
    const submission = this.submissionOf(invocation, digest, count);
    const toId = (id + count - 1) as InvocationId;
    this.queue.addRun(new LiveRun(id, toId, arrayTaskId!, step, submission));
  }

  private keep(live: Live): void {
    this.byId.set(live.id, live);
    this.users.get(live.owner.uid)!.singles.add(live);
    if (live.arrayJobId !== null) this.arrays.get(live.arrayJobId)!.singles.add(live);
  }

  /** What the invocations have in common with the other tasks of their array, counted once. */
  private submissionOf(
    invocation: Invocation,
    digest: SubmissionDigest,
    count: number,
  ): LiveSubmission {
    const { id, arrayJobId, owner } = invocation;
    const lastId = (id + count - 1) as InvocationId;
    const share = this.users.get(owner.uid) ?? noShare();
    this.users.set(owner.uid, share);
    share.count += count;
    const known = arrayJobId === null ? undefined : this.arrays.get(arrayJobId);
    if (known !== undefined) {
      known.open += count;
      if (lastId > known.lastId) known.lastId = lastId;
      return known.submission;
    }
    share.documentBytes += keptBytesOf(digest);
    this.documentBytes += keptBytesOf(digest);
    const submission = new LiveSubmission(invocation, digest);
    if (arrayJobId !== null)
      this.arrays.set(arrayJobId, { open: count, lastId, singles: new Set(), submission });
    return submission;
  }

  /** PENDING to RUNNING as attempt `attempt`. */
  begin(
    live: Live,
    executor: ExecutorId,
    change: Pick<Invocation, "attempt" | "startedAtMs" | "node">,
    run: TaskRun | null = null,
  ): Assignment {
    this.withdraw(live);
    this.become(live, { ...change, state: "RUNNING" });
    const assignment = this.assign(live, { executor, ordered: null }, run);
    this.hold(live, 1);
    return assignment;
  }

  /**
   * RUNNING to PENDING: evicted or lost; or never begun, with the number of the previous attempt.
   */
  requeue(live: Live, reason: string | null, attempt = live.attempt): void {
    this.hold(live, -1);
    this.assignments.settle(live.id);
    this.become(live, { state: "PENDING", reason, node: null, startedAtMs: null, attempt });
    this.queue.add(live);
  }

  /** Keeps a waiting invocation from starting while its end is written; restore puts it back. */
  withdraw(live: Live): void {
    assert(this.queue.remove(live.id), "what is withdrawn was waiting");
    if (!this.byId.has(live.id)) this.keep(live);
  }

  restore(live: Live): void {
    this.queue.add(live);
  }

  /** As withdraw(), for the tasks with these ids that wait as runs. */
  withdrawRuns([first, last]: IdRange): readonly LiveRun[] {
    const runs = this.queue.removeRuns(first, last);
    for (const run of runs) this.withdrawn.add(run);
    return runs;
  }

  restoreRun(run: LiveRun): void {
    this.withdrawn.remove(run.fromId, run.toId);
    this.queue.addRun(run);
  }

  /** To a final state; it is removed here, the store keeps it. */
  finish(live: Live, change: Partial<Progress> & Pick<Progress, "state">): void {
    if (live.state === "RUNNING") {
      this.hold(live, -1);
      this.assignments.settle(live.id);
    } else this.queue.remove(live.id);
    const { id, arrayJobId: array } = live;
    this.byId.delete(id);
    this.users.get(live.owner.uid)!.singles.delete(live);
    if (array !== null) this.arrays.get(array)!.singles.delete(live);
    this.forget(live.submission, 1);
    this.become(live, change);
    assert(isFinal(live.state), "what is finished is final");
    this.events.publish({ type: "invocationEnded", invocation: live.invocation });
    if (array !== null && !this.arrays.has(array))
      this.events.publish({ type: "arrayEnded", array });
  }

  /** As finish(), for a withdrawn run; the store has the end of each task. */
  finishRun({ fromId, toId, count, submission }: LiveRun): void {
    const array = submission.requested.arrayJobId!;
    this.withdrawn.remove(fromId, toId);
    this.forget(submission, count);
    this.events.publish({ type: "tasksEnded", array, ids: [fromId, toId] });
    if (!this.arrays.has(array)) this.events.publish({ type: "arrayEnded", array });
  }

  private assign(
    { id, attempt, cores, memoryMb, gpus }: Live,
    where: Pick<Assignment, "executor" | "ordered">,
    run: TaskRun | null = null,
  ): Assignment {
    const facts = { invocation: id, attempt, cores, memoryMb, gpus, ...where };
    return this.assignments.begin(facts, run);
  }

  private forget(
    { requested: { arrayJobId, owner }, digest }: LiveSubmission,
    count: number,
  ): void {
    const share = this.users.get(owner.uid)!;
    share.count -= count;
    if (share.count === 0) this.users.delete(owner.uid);
    const array = arrayJobId === null ? undefined : this.arrays.get(arrayJobId);
    if (array !== undefined) array.open -= count;
    if (array !== undefined && array.open > 0) return;
    if (arrayJobId !== null) this.arrays.delete(arrayJobId);
    share.documentBytes -= keptBytesOf(digest);
    this.documentBytes -= keptBytesOf(digest);
  }

  private become(live: Live, change: Partial<Progress> & Pick<Progress, "state">): void {
    step(invocationTransitions, live.state, change.state, `invocation ${live.id}`);
    live.change(change);
  }

  /** What waits for another task of its run holds nothing. */
  private hold({ id, user, cores }: Live, sign: 1 | -1): void {
    if (this.assignments.get(id)?.waits === true) return;
    const held = (this.coresHeld.get(user) ?? 0) + sign * cores;
    if (held === 0) this.coresHeld.delete(user);
    else this.coresHeld.set(user, held);
  }
}
