// Clients that wait for an end: each has an entry under its invocation or array, and its event
// wakes them.

import { clearTimeout, setTimeout } from "../../clock.js";
import type { InvocationId } from "../../model/ids.js";
import type { Events } from "../state/events.js";
import type { LiveInvocations } from "../state/live.js";

/** An invocation, or all tasks of an array. */
export interface Awaited {
  readonly kind: "invocation" | "array";
  readonly id: InvocationId;
}

/**
 * task: the next end of any task of an array; user: of any invocation of the user (the uid); lease:
 * a change of its workers or its state.
 */
interface Watched {
  readonly kind: Awaited["kind"] | "task" | "user" | "lease";
  readonly id: number;
}

export class Waiters {
  private readonly waiting = {
    invocation: new Map<number, Set<() => void>>(),
    array: new Map<number, Set<() => void>>(),
    task: new Map<number, Set<() => void>>(),
    user: new Map<number, Set<() => void>>(),
    lease: new Map<number, Set<() => void>>(),
  };

  constructor(
    private readonly live: LiveInvocations,
    events: Events,
  ) {
    events.subscribe(["invocationEnded"], ({ invocation: { id, arrayJobId, owner } }) => {
      this.wake({ kind: "invocation", id });
      if (arrayJobId !== null) this.wake({ kind: "task", id: arrayJobId });
      this.wake({ kind: "user", id: owner.uid });
    });
    events.subscribe(["tasksEnded"], ({ array, ids: [first, last] }) => {
      const ended = [...this.waiting.invocation.keys()].filter((id) => id >= first && id <= last);
      for (const id of ended) this.wake({ kind: "invocation", id });
      this.wake({ kind: "task", id: array });
    });
    events.subscribe(["arrayEnded"], ({ array: id }) => this.wake({ kind: "array", id }));
    events.subscribe(["leaseChanged"], ({ lease: id }) => this.wake({ kind: "lease", id }));
  }

  /** The number of waiting clients. */
  get size(): number {
    const sets = Object.values(this.waiting).flatMap((each) => [...each.values()]);
    return sets.reduce((sum, set) => sum + set.size, 0);
  }

  hasEnded({ kind, id }: Awaited): boolean {
    return kind === "array" ? !this.live.hasArray(id) : !this.live.has(id);
  }

  /** Whether a client waits for the end of this invocation. */
  isAwaited(id: InvocationId): boolean {
    return this.waiting.invocation.has(id);
  }

  /** Resolves at the end, after `timeoutMs`, or when `signal` reports that the client has gone. */
  async untilEnded(awaited: Awaited, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (!this.hasEnded(awaited)) await this.untilWoken(awaited, timeoutMs, signal);
  }

  /** Resolves when a task of the array ends from now on, or as untilEnded() does. */
  untilNextEnd(array: InvocationId, timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.untilWoken({ kind: "task", id: array }, timeoutMs, signal);
  }

  /** Resolves when any invocation of the user ends from now on, or as untilEnded() does. */
  untilNextEndOf(uid: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.untilWoken({ kind: "user", id: uid }, timeoutMs, signal);
  }

  /** Resolves when the lease changes from now on, or as untilEnded() does. */
  untilLeaseChanges(lease: InvocationId, timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.untilWoken({ kind: "lease", id: lease }, timeoutMs, signal);
  }

  private async untilWoken(
    { kind, id }: Watched,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    if (signal.aborted) return;
    const set = this.waiting[kind].get(id) ?? new Set();
    this.waiting[kind].set(id, set);
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        set.delete(done);
        if (set.size === 0 && this.waiting[kind].get(id) === set) this.waiting[kind].delete(id);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      signal.addEventListener("abort", done);
      set.add(done);
    });
  }

  /** Releases all at once, because the daemon stops. */
  close(): void {
    for (const kind of ["invocation", "array", "task", "user", "lease"] as const)
      for (const id of [...this.waiting[kind].keys()]) this.wake({ kind, id });
  }

  private wake({ kind, id }: Watched): void {
    for (const done of [...(this.waiting[kind].get(id) ?? [])]) done();
  }
}
