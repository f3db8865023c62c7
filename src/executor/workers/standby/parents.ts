// The parents on this node, one for each kind of worker that can be forked: which calls get one,
// and which kinds are started without.

import { type WorkerKind, workerKey } from "../../../model/call.js";
import { remember } from "../../../model/remember.js";
import type { Resources } from "../../../model/resources.js";
import type { CallAttemptOrder } from "../../../wire/messages.js";
import type { Parent } from "./parent.js";
import type { ParentParts, Problem } from "./parent-parts.js";

/** A parent that fails so often fails always. */
const maxFailures = 3;
/** The kinds that were tried longest ago are tried again. */
const maxRemembered = 1_000;

/** Makes a parent with a group of its own; throws if the node cannot create one. */
export type OpenParent = (order: CallAttemptOrder, onGone: ParentParts["onGone"]) => Parent | null;

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
  private readonly failures = new Map<string, Failures>();

  constructor(
    private readonly open: OpenParent,
    private readonly changed: () => void,
  ) {}

  get all(): readonly Parent[] {
    return [...this.parents.values()];
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
      if (problem !== null) this.remember(key, problem);
      this.changed();
    };
    try {
      parent = this.open(order, onGone);
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
