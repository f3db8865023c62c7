// The invocations that are not final, in memory: what waits, what runs, and who waits for an answer.

import { EventEmitter } from "node:events";
import type { LiveInvocation } from "../core/ports.js";
import { WaitingQueue } from "../core/queue.js";
import { functionKey } from "../core/runtime.js";
import { assert } from "../model/errors.js";
import type { ExecutorId, InvocationId } from "../model/ids.js";
import {
  type Invocation,
  invocationTransitions,
  isFinal,
  type Submission,
} from "../model/invocation.js";
import { step } from "../model/machine.js";

export interface Live {
  invocation: Invocation;
  readonly submission: Submission;
  /** What its run time is learned by. */
  readonly functionKey: string;
  /** Where its running attempt is; null while it waits. */
  executor: ExecutorId | null;
  /** The owner cancelled it while it ran: an attempt that ends without a result is not tried again. */
  cancelRequested: boolean;
  /** Attempts lost in a row, each with its executor. */
  lostAttempts: number;
  /** For how long its longest attempt ran until it was evicted: it takes longer. 0 where that says nothing of the rest. */
  ranMs: number;
}

/** Emits `changed` with an invocation after each change of its state. */
export class LiveInvocations extends EventEmitter<{ changed: [Invocation] }> {
  readonly queue = new WaitingQueue();
  readonly coresHeld = new Map<string, number>();
  private readonly byId = new Map<InvocationId, Live>();

  constructor() {
    super();
    // Each waiting client listens; their number is bounded by the API's connections.
    this.setMaxListeners(0);
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

  /** Takes in a submitted or recovered invocation. */
  add({ invocation, submission, ranMs = 0 }: LiveInvocation, executor: ExecutorId | null): Live {
    assert(!this.byId.has(invocation.id), `invocation ${invocation.id} is taken in once`);
    const live: Live = {
      invocation,
      submission,
      functionKey: functionKey(invocation.owner.user, submission.name, submission.command),
      executor,
      cancelRequested: false,
      lostAttempts: 0,
      ranMs: 0,
    };
    wasEvicted(live, ranMs);
    this.byId.set(invocation.id, live);
    if (invocation.state === "PENDING") this.enqueue(live);
    else this.hold(live, 1);
    return live;
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

  /** Keeps what waits from being begun while its end is written; restore puts it back. */
  withdraw(live: Live): void {
    assert(this.queue.remove(live.invocation.id), "what is withdrawn was waiting");
  }

  restore(live: Live): void {
    this.enqueue(live);
  }

  /** To a final state; it is forgotten here, the store keeps it. */
  finish(live: Live, change: Partial<Invocation> & Pick<Invocation, "state">): void {
    if (live.invocation.state === "RUNNING") this.hold(live, -1);
    else this.queue.remove(live.invocation.id);
    this.byId.delete(live.invocation.id);
    this.become(live, change);
    assert(isFinal(live.invocation.state), "what is finished is final");
  }

  private become(live: Live, change: Partial<Invocation> & Pick<Invocation, "state">): void {
    const { id, state } = live.invocation;
    step(invocationTransitions, state, change.state, `invocation ${id}`);
    live.invocation = { ...live.invocation, ...change };
    this.emit("changed", live.invocation);
  }

  private enqueue(live: Live): void {
    const { id, owner, cores, memoryMb, gpus, timeLimitMs, submittedAtMs } = live.invocation;
    const { functionKey, ranMs } = live;
    const need = { user: owner.user, cores, memoryMb, gpus, timeLimitMs };
    this.queue.add({ id, ...need, submittedAtMs, functionKey, ranMs });
  }

  private hold(live: Live, sign: 1 | -1): void {
    const { user } = live.invocation.owner;
    const held = (this.coresHeld.get(user) ?? 0) + sign * live.invocation.cores;
    if (held === 0) this.coresHeld.delete(user);
    else this.coresHeld.set(user, held);
  }
}

/** One of its attempts was, after so long. What saved its state goes on from there: how long the rest takes nobody knows. */
export function wasEvicted(live: Live, afterMs: number): void {
  if (live.submission.checkpoint !== true) live.ranMs = Math.max(live.ranMs, afterMs);
}
