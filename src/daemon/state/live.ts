// The invocations that are not final, in memory: which wait, which run, and how much each user has
// of them.

import { WaitingQueue } from "../../core/placement/queue.js";
import type { LiveInvocation } from "../../core/ports/store.js";
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
import { type Assignment, Assignments } from "./assignments.js";
import type { Events } from "./events.js";
import { Live, LiveSubmission } from "./live-invocation.js";

/** The tasks of an array that are not final; their common part is in memory once. */
interface LiveArray {
  open: number;
  lastId: number;
  readonly submission: LiveSubmission;
}

/** A user's invocations that are not final, summed. */
export interface UserShare {
  readonly all: Set<Live>;
  /** Scripts, environments and inputs in the store, an array's counted once. */
  documentBytes: number;
}

const keptBytesOf = ({ documentBytes, inputBytes }: SubmissionDigest): number =>
  documentBytes + inputBytes;

export class LiveInvocations {
  /** Those of the running ones. */
  readonly assignments = new Assignments();
  readonly queue = new WaitingQueue();
  /** By uid. */
  readonly coresHeld = new Map<string, number>();
  /** Over all users. */
  documentBytes = 0;
  private readonly byId = new Map<InvocationId, Live>();
  private readonly arrays = new Map<InvocationId, LiveArray>();
  private readonly users = new Map<number, UserShare>();

  constructor(private readonly events: Events) {}

  get size(): number {
    return this.byId.size;
  }

  get running(): number {
    return this.byId.size - this.queue.size;
  }

  get(id: InvocationId): Live | undefined {
    return this.byId.get(id);
  }

  all(): Iterable<Live> {
    return this.byId.values();
  }

  /** The versions of functions that calls wait for or run. */
  versions(): readonly VersionId[] {
    const all = new Set<VersionId>();
    for (const { digest } of this.byId.values())
      if (digest.version !== null) all.add(digest.version);
    return [...all];
  }

  /** A user's share. */
  of(uid: number): UserShare {
    return this.users.get(uid) ?? { all: new Set(), documentBytes: 0 };
  }

  /** The tasks of an array that are not final; none if it has ended or is not an array. */
  *tasksOf(id: InvocationId): Iterable<Live> {
    const lastId = this.arrays.get(id)?.lastId ?? 0;
    for (let each = id as number; each <= lastId; each++) {
      const live = this.byId.get(each as InvocationId);
      if (live !== undefined) yield live;
    }
  }

  hasArray(id: InvocationId): boolean {
    return this.arrays.has(id);
  }

  /** Adds a submitted or recovered invocation; `assigned` says where a running one is. */
  add(
    { invocation, digest, ranMs = 0 }: LiveInvocation,
    assigned: Pick<Assignment, "executor" | "ordered"> | null,
  ): Live {
    assert(!this.byId.has(invocation.id), `invocation ${invocation.id} is taken in once`);
    const live = new Live(invocation, this.submissionOf(invocation, digest));
    wasEvicted(live, ranMs);
    this.byId.set(live.id, live);
    this.users.get(live.owner.uid)!.all.add(live);
    if (live.state === "PENDING") this.queue.add(live);
    else this.hold(live, 1);
    if (assigned !== null) this.assign(live, assigned);
    return live;
  }

  /** What the invocation has in common with the other tasks of its array, counted once. */
  private submissionOf(invocation: Invocation, digest: SubmissionDigest): LiveSubmission {
    const { id, arrayJobId, owner } = invocation;
    const known = arrayJobId === null ? undefined : this.arrays.get(arrayJobId);
    if (known !== undefined) {
      known.open++;
      known.lastId = Math.max(known.lastId, id);
      return known.submission;
    }
    const share = this.users.get(owner.uid) ?? { all: new Set(), documentBytes: 0 };
    this.users.set(owner.uid, share);
    share.documentBytes += keptBytesOf(digest);
    this.documentBytes += keptBytesOf(digest);
    const submission = new LiveSubmission(invocation, digest);
    if (arrayJobId !== null) this.arrays.set(arrayJobId, { open: 1, lastId: id, submission });
    return submission;
  }

  /** PENDING to RUNNING as attempt `attempt`. */
  begin(
    live: Live,
    executor: ExecutorId,
    change: Pick<Invocation, "attempt" | "startedAtMs" | "node">,
  ): Assignment {
    assert(this.queue.remove(live.id), "what begins was waiting");
    this.become(live, { ...change, state: "RUNNING" });
    this.hold(live, 1);
    return this.assign(live, { executor, ordered: null });
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
  }

  restore(live: Live): void {
    this.queue.add(live);
  }

  /** To a final state; it is removed here, the store keeps it. */
  finish(live: Live, change: Partial<Progress> & Pick<Progress, "state">): void {
    if (live.state === "RUNNING") {
      this.hold(live, -1);
      this.assignments.settle(live.id);
    } else this.queue.remove(live.id);
    this.forget(live);
    this.become(live, change);
    assert(isFinal(live.state), "what is finished is final");
    const { invocation, arrayJobId: array } = live;
    this.events.publish({ type: "invocationEnded", invocation });
    if (array !== null && !this.arrays.has(array))
      this.events.publish({ type: "arrayEnded", array });
  }

  private assign(
    { id, attempt, cores, memoryMb, gpus }: Live,
    where: Pick<Assignment, "executor" | "ordered">,
  ): Assignment {
    return this.assignments.begin({ invocation: id, attempt, cores, memoryMb, gpus, ...where });
  }

  private forget(live: Live): void {
    const { id, arrayJobId, owner, digest } = live;
    this.byId.delete(id);
    const share = this.users.get(owner.uid)!;
    share.all.delete(live);
    if (share.all.size === 0) this.users.delete(owner.uid);
    const array = arrayJobId === null ? undefined : this.arrays.get(arrayJobId);
    if (array !== undefined && --array.open > 0) return;
    if (arrayJobId !== null) this.arrays.delete(arrayJobId);
    share.documentBytes -= keptBytesOf(digest);
    this.documentBytes -= keptBytesOf(digest);
  }

  private become(live: Live, change: Partial<Progress> & Pick<Progress, "state">): void {
    step(invocationTransitions, live.state, change.state, `invocation ${live.id}`);
    live.change(change);
  }

  private hold(live: Live, sign: 1 | -1): void {
    const { user, cores } = live;
    const held = (this.coresHeld.get(user) ?? 0) + sign * cores;
    if (held === 0) this.coresHeld.delete(user);
    else this.coresHeld.set(user, held);
  }
}

/**
 * Records an eviction of one of its attempts, `afterMs` after its start. An invocation that saved
 * its state continues from there: nobody knows how long the rest takes.
 */
export function wasEvicted(live: Live, afterMs: number): void {
  if (live.digest.checkpointIn === null) live.ranMs = Math.max(live.ranMs, afterMs);
}
