// The parents on this node, one for each kind of worker that can be forked, and the child of each
// that stands by: which calls get one, and which kinds are started without.

import { clearTimeout, setTimeout } from "../../../clock.js";
import { type WorkerKind, workerKey } from "../../../model/call.js";
import { remember } from "../../../model/remember.js";
import { fits, type Resources } from "../../../model/resources.js";
import type { CallAttemptOrder } from "../../../wire/messages.js";
import type { Parent } from "./parent.js";
import type { ParentParts, Problem } from "./parent-parts.js";
import type { Spare } from "./spare.js";
import type { Standby } from "./standby.js";

/** A parent that fails so often fails always. */
const maxFailures = 3;
/** A call that runs for longer may still run when the next one comes. */
const lastingMs = 20;
/** The kinds that were tried longest ago are tried again. */
const maxRemembered = 1_000;

/** Both make something with a group of its own; they throw if the node cannot create one. */
export interface OpenFamily {
  parent(order: CallAttemptOrder, onGone: ParentParts["onGone"]): Parent | null;
  /** Has the parent fork a worker for no call yet. */
  child(order: CallAttemptOrder, parent: Parent, onGone: () => void): Spare;
}

/** What a worker starts from: the parent, or why there is none, for its user to read. */
export type Origin =
  | { readonly parent: Parent }
  | { readonly parent: null; readonly why: string | null };

/** It starts by itself, and there is nothing to say about that. */
export const alone: Origin = { parent: null, why: null };

interface Failures {
  readonly count: number;
  readonly last: Problem;
}

export class Parents {
  private readonly parents = new Map<string, Parent>();
  private readonly children = new Map<string, Spare>();
  private readonly failures = new Map<string, Failures>();

  constructor(
    private readonly open: OpenFamily,
    private readonly changed: () => void,
  ) {}

  /** A child goes before the parent that could fork another one. */
  get all(): readonly Standby[] {
    return [...this.children.values(), ...this.parents.values()];
  }

  /**
   * The child with which a worker begins; null if that needs a fork or a start of its own. One that
   * is just being forked comes sooner than another fork, which its parent would begin afterwards.
   */
  reserve(kind: WorkerKind): Spare | null {
    const key = workerKey(kind);
    const child = this.children.get(key);
    if (child === undefined) return null;
    if (child.isUsable || child.isComing) {
      this.children.delete(key);
      child.reserve();
      return child;
    }
    void child.stop(); // it was killed
    return null;
  }

  /**
   * While a call lasts, the next one needs another worker, and what is free is enough for that: so
   * the worker is forked now. It costs a millisecond of a core that nobody holds, and memory that
   * nobody else wants yet. Calls that are over by now leave a warm worker to the next one.
   */
  callBegan(order: CallAttemptOrder, kind: WorkerKind, room: () => Resources): () => void {
    // Calls beside it share its worker, if that is what its function wants.
    const isShared = order.command.settings.concurrency > 1;
    if (this.parents.size === 0 || isShared) return () => {};
    const timer = setTimeout(() => this.tryChild(order, kind, room()), lastingMs);
    return () => clearTimeout(timer);
  }

  private tryChild(order: CallAttemptOrder, kind: WorkerKind, room: Resources): void {
    const key = workerKey(kind);
    const parent = this.parents.get(key);
    if (!parent?.isResting || this.children.has(key) || !fits(order, room)) return;
    const onGone = () => {
      if (this.children.get(key) === child) this.children.delete(key);
    };
    let child: Spare | null = null;
    try {
      child = this.open.child(order, parent, onGone);
      this.children.set(key, child);
    } catch {
      // The next worker's own group cannot be created either, which is reported then.
    }
  }

  /** `room`: what is free, with the worker's own memory. Whoever gets a parent has entered it. */
  originFor(order: CallAttemptOrder, kind: WorkerKind, room: Resources): Origin {
    const { runtime, fork, image } = order.command.settings;
    // A parent cannot have the GPUs of its workers.
    if (runtime !== "python" || !fork || image !== null || order.gpus > 0) return alone;
    const key = workerKey(kind);
    const known = this.parents.get(key);
    if (known?.isOpen) {
      known.enter();
      return { parent: known };
    }
    const failed = this.failures.get(key);
    if (failed?.last.isLasting) return { parent: null, why: failed.last.message };
    if (failed !== undefined && failed.count >= maxFailures) return alone;
    // The one before it is about to go, or there is no memory for both.
    if (known !== undefined || room.memoryMb < 2 * order.memoryMb) return alone;
    const parent = this.tryOpen(order, key);
    parent?.enter();
    return parent === null ? alone : { parent };
  }

  private tryOpen(order: CallAttemptOrder, key: string): Parent | null {
    let parent: Parent | null = null;
    const onGone = (problem: Problem | null) => {
      this.parents.delete(key);
      void this.children.get(key)?.stop();
      if (problem !== null) this.remember(key, problem);
      this.changed();
    };
    try {
      parent = this.open.parent(order, onGone);
    } catch {
      return null; // the worker's own group cannot be created either, which is reported
    }
    if (parent !== null) this.parents.set(key, parent);
    return parent;
  }

  private remember(key: string, last: Problem): void {
    const count = (this.failures.get(key)?.count ?? 0) + 1;
    remember(this.failures, key, { count, last }, maxRemembered);
  }
}
