// What a worker says while it serves the clients of a lease: checks that each message has its
// place, and that they leave the executor time for its own work. Keeps where it listens afterwards.

import { monotonicMs } from "../clock.js";
import type { FrameHead } from "../wire/worker/frame.js";
import {
  decodeServing,
  decodeUsage,
  type ServeUsage,
  type Serving,
} from "../wire/worker/serving.js";
import { WorkerFailure } from "./worker-failure.js";
import { type Body, collected, outOfTurn } from "./worker-link.js";

export interface ServeEvents {
  /** Called once. */
  onServing(serving: Serving): void;
  onUsage(usage: ServeUsage): void;
}

/** A runtime sends one a second, and two for each client that comes and goes alone. */
const maxUsagesInWindow = 2_000;
const windowMs = 1_000;

export class ServeFrames {
  private isServing = false;
  private windowFromMs = 0;
  private usages = 0;

  constructor(private readonly events: ServeEvents) {}

  /** Throws for a message that has no place now, and for one too many. */
  bodyFor(type: Extract<FrameHead["type"], "serving" | "usage">): Body {
    if (type === "serving") {
      if (this.isServing) throw outOfTurn("serving twice");
      this.isServing = true;
      return collected((payload) => this.events.onServing(decodeServing(payload)));
    }
    if (!this.isServing) throw outOfTurn("usage before serving");
    this.count();
    return collected((payload) => this.events.onUsage(decodeUsage(payload)));
  }

  private count(): void {
    const now = monotonicMs();
    if (now - this.windowFromMs >= windowMs) {
      this.windowFromMs = now;
      this.usages = 0;
    }
    if (++this.usages > maxUsagesInWindow)
      throw new WorkerFailure(
        "USAGE_FLOOD",
        `the worker sent more than ${maxUsagesInWindow} messages of its usage in a second`,
      );
  }
}

/** Where a worker listens between two leases: the next one's clients are told before it serves. */
export class KeptPlace {
  private kept: { readonly ports: string; readonly at: Serving } | null = null;

  /** It serves, and was told to choose one of these ports. */
  serves(ports: string, at: Serving): void {
    this.kept = at.keeps ? { ports, at } : null;
  }

  /** Where it will serve if it is told these ports; null if that is unknown. */
  for(ports: string): Serving | null {
    return this.kept?.ports === ports ? this.kept.at : null;
  }

  /** A function runs in it, which may close whatever is open. */
  forget(): void {
    this.kept = null;
  }
}
