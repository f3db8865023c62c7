// The invocations that are not final, in memory: which wait, which run, and how much each user has
// of them.

import { EventEmitter } from "node:events";
import { WaitingQueue } from "../../core/placement/queue.js";
import type { LiveInvocation } from "../../core/ports/store.js";
import { assert } from "../../model/errors.js";
import type { ExecutorId, InvocationId } from "../../model/ids.js";
import {
  type Identity,
  type Invocation,
  invocationTransitions,
  isFinal,
  type SubmissionDigest,
} from "../../model/invocation.js";
import { step } from "../../model/machine.js";

export interface Live {
  invocation: Invocation;
  /** Shared by the tasks of an array. */
  readonly digest: SubmissionDigest;
  /** Where its running attempt is; null while it waits. */
  executor: ExecutorId | null;
  /**
   * The owner cancelled it while it ran: if the attempt ends without a result, it is not tried
   * again.
   */
  cancelRequested: boolean;
  /** Attempts lost in a row, each with its executor. */
  lostAttempts: number;
  /**
   * How long its longest attempt ran before it was evicted, which it must exceed. 0 if that says
   * nothing about the rest.
   */
  ranMs: number;
  /** Its last attempt could not start, and it will be tried on another node. */
  isRetried: boolean;
}

/** The tasks of an array that are not final; their common part is in memory once. */
interface LiveArray {
  open: number;
  lastId: number;
  readonly owner: Identity;
  readonly name: string;
  readonly digest: SubmissionDigest;
}

/** A user's invocations that are not final, summed. */
export interface UserShare {
  readonly all: Map<InvocationId, Live>;
  /** Scripts and environments in the store, an array's counted once. */
  documentBytes: number;
}

interface LiveEvents {
  /** After each change of an invocation's state. */
  changed: [Invocation];
  /** The last task of an array has ended. */
  arrayEnded: [InvocationId];
}

export class LiveInvocations extends EventEmitter<LiveEvents> {
  readonly queue = new WaitingQueue();
  /** By uid. */
  readonly coresHeld = new Map<string, number>();
  /** Over all users. */
  documentBytes = 0;
  private readonly byId = new Map<InvocationId, Live>();
  private readonly arrays = new Map<InvocationId, LiveArray>();
  private readonly users = new Map<number, UserShare>();

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

  /** A user's share. */
  of(uid: number): UserShare {
    return this.users.get(uid) ?? { all: new Map(), documentBytes: 0 };
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

  /** Adds a submitted or recovered invocation. */
  add({ invocation, digest, ranMs = 0 }: LiveInvocation, executor: ExecutorId | null): Live {
    assert(!this.byId.has(invocation.id), `invocation ${invocation.id} is taken in once`);
    const shared = this.sharedWith(invocation, digest);
    const live: Live = {
      invocation: { ...invocation, owner: shared.owner, name: shared.name },
      digest: shared.digest,
      executor,
      cancelRequested: false,
      lostAttempts: 0,
      ranMs: 0,
      isRetried: false,
    };
    wasEvicted(live, ranMs);
    this.byId.set(invocation.id, live);
    this.users.get(invocation.owner.uid)!.all.set(invocation.id, live);
    if (invocation.state === "PENDING") this.enqueue(live);
    else this.hold(live, 1);
    return live;
  }

  /**
   * The part that the invocation shares with the other tasks of its array; counts its documents
   * once.
   */
  private sharedWith(
    { id, arrayJobId, owner, name }: Invocation,
    digest: SubmissionDigest,
  ): Pick<LiveArray, "owner" | "name" | "digest"> {
    const known = arrayJobId === null ? undefined : this.arrays.get(arrayJobId);
    if (known !== undefined) {
      known.open++;
      known.lastId = Math.max(known.lastId, id);
      return known;
    }
    const share = this.users.get(owner.uid) ?? { all: new Map(), documentBytes: 0 };
    this.users.set(owner.uid, share);
    share.documentBytes += digest.documentBytes;
    this.documentBytes += digest.documentBytes;
    if (arrayJobId !== null)
      this.arrays.set(arrayJobId, { open: 1, lastId: id, owner, name, digest });
    return { owner, name, digest };
  }

  /** PENDING to RUNNING as attempt `attempt`. */
  begin(
    live: Live,
    executor: ExecutorId,
    change: Pick<Invocation, "attempt" | "startedAtMs" | "node">,
  ): void {
    assert(this.queue.remove(live.invocation.id), "what begins was waiting");
    live.executor = executor;
    this.become(live, { ...change, state: "RUNNING" });
    this.hold(live, 1);
  }

  /** RUNNING to PENDING: evicted or lost. */
  requeue(live: Live, reason: string | null): void {
    this.hold(live, -1);
    live.executor = null;
    this.become(live, { state: "PENDING", reason, node: null, startedAtMs: null });
    this.enqueue(live);
  }

  /** Keeps a waiting invocation from starting while its end is written; restore puts it back. */
  withdraw(live: Live): void {
    assert(this.queue.remove(live.invocation.id), "what is withdrawn was waiting");
  }

  restore(live: Live): void {
    this.enqueue(live);
  }

  /** To a final state; it is removed here, the store keeps it. */
  finish(live: Live, change: Partial<Invocation> & Pick<Invocation, "state">): void {
    if (live.invocation.state === "RUNNING") this.hold(live, -1);
    else this.queue.remove(live.invocation.id);
    this.forget(live);
    this.become(live, change);
    assert(isFinal(live.invocation.state), "what is finished is final");
    const { arrayJobId } = live.invocation;
    if (arrayJobId !== null && !this.arrays.has(arrayJobId)) this.emit("arrayEnded", arrayJobId);
  }

  private forget({ invocation: { id, arrayJobId, owner }, digest }: Live): void {
    this.byId.delete(id);
    const share = this.users.get(owner.uid)!;
    share.all.delete(id);
    if (share.all.size === 0) this.users.delete(owner.uid);
    const array = arrayJobId === null ? undefined : this.arrays.get(arrayJobId);
    if (array !== undefined && --array.open > 0) return;
    if (arrayJobId !== null) this.arrays.delete(arrayJobId);
    share.documentBytes -= digest.documentBytes;
    this.documentBytes -= digest.documentBytes;
  }

  private become(live: Live, change: Partial<Invocation> & Pick<Invocation, "state">): void {
    const { id, state } = live.invocation;
    step(invocationTransitions, state, change.state, `invocation ${id}`);
    live.invocation = { ...live.invocation, ...change };
    this.emit("changed", live.invocation);
  }

  private enqueue(live: Live): void {
    const { id, owner, cores, memoryMb, gpus, timeLimitMs, submittedAtMs } = live.invocation;
    const { ranMs, isRetried } = live;
    const { functionKey } = live.digest;
    const need = { user: String(owner.uid), cores, memoryMb, gpus, timeLimitMs };
    this.queue.add({ id, ...need, submittedAtMs, functionKey, ranMs, isRetried });
  }

  private hold(live: Live, sign: 1 | -1): void {
    const user = String(live.invocation.owner.uid);
    const held = (this.coresHeld.get(user) ?? 0) + sign * live.invocation.cores;
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
