// One attempt on this node, from its order to its report: what it holds, when it must end, and
// whether it is gone.

import { clearTimeout, machineMonotonicNs, monotonicMs, type Timer } from "../../clock.js";
import type { GresCounts } from "../../model/slurm/gres-counts.js";
import type { AttemptKey, AttemptOrder, SignalOrder } from "../../wire/messages.js";
import type { Held } from "../budget/victims.js";
import type { AttemptGroup } from "../containment/containment.js";
import type { HungGroup } from "../containment/unkillable.js";
import type { Place, RunHandle, SignalReach } from "../runtimes/runtime.js";
import { FrozenTime } from "./freezing.js";
import { HangWatch } from "./hanging.js";
import { AttemptNotices } from "./notices.js";
import type { Ending, Outcome } from "./outcome.js";

export const keyText = (key: AttemptKey): string => `${key.invocation}.${key.attempt}`;

export interface AttemptEvents {
  onStarted(key: AttemptKey): void;
  onEnded(key: AttemptKey, outcome: Outcome): void;
  /** Comes before `onEnded`: the group's processes hang, and its resources are not free. */
  onHung(hung: HungGroup): void;
  /** Likewise: the kernel killed a function for want of memory, and the node is short of it. */
  onNodeFull(): void;
  /** Whether the node lacks this much memory now. */
  isNodeShortOf(memoryMb: number): boolean;
  /** Reports a problem that may interest an administrator. */
  onTrouble(what: string): void;
}

/** What is run here without a script is a step of its own, as with srun. */
function reachOf({ command }: AttemptOrder, to: SignalOrder["to"]): SignalReach {
  // Its main process carries the streams of its tasks.
  if (command.kind === "attached") return "children";
  if (to === "script") return "main";
  return to === "steps" && command.kind === "script" ? "steps" : "all";
}

export interface Running extends Held {
  readonly key: AttemptKey;
  /** Shared by the calls in one worker. */
  readonly group: AttemptGroup;
  /** true once we have sent the first signal. */
  readonly isEnding: boolean;
}

export class Attempt implements Running {
  readonly cores: number;
  readonly memoryMb: number;
  readonly group: AttemptGroup;
  readonly gpus: readonly number[];
  readonly gres: GresCounts | undefined;
  readonly startedAtMs = monotonicMs();
  readonly frozen = new FrozenTime();
  readonly key: AttemptKey;
  handle: RunHandle | null = null;
  isStarted = false;
  /** The time from which its time limit counts. */
  limitedFromMs = monotonicMs();
  /** That of its order, until it is changed. */
  limitMs: number;
  ending: Ending | null = null;
  /** Runs the time limit, then the wait from SIGTERM to SIGKILL. */
  timer: Timer | undefined;
  readonly hang: HangWatch;
  readonly notices: AttemptNotices;
  /** Resolves once its report is available. */
  readonly gone: Promise<Ended>;
  isGone = false;
  private settle: (ended: Ended) => void = () => {};

  constructor(
    readonly order: AttemptOrder,
    readonly place: Place,
  ) {
    this.group = place.group;
    this.gpus = place.gpus;
    this.hang = new HangWatch(place.group);
    this.key = { invocation: order.invocation, attempt: order.attempt };
    this.cores = order.cores;
    this.memoryMb = order.memoryMb;
    this.gres = order.gres;
    this.limitMs = order.timeLimitMs;
    this.notices = new AttemptNotices(order.notice, order.timeLimitMs, () => this.handle!.notify());
    this.gone = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  /** Before its command runs, and if it is a call, nothing could handle the signal. */
  signal({ signal, to }: SignalOrder): void {
    if (this.isStarted) this.handle!.signal?.(signal, reachOf(this.order, to));
  }

  /** Returns whether that is another one than before, and still matters. */
  takeLimit(limitMs: number): boolean {
    if (this.isEnding || limitMs === this.limitMs) return false;
    this.limitMs = limitMs;
    this.notices.limit(limitMs);
    return true;
  }

  /** If it is already ending for another reason, it keeps that reason. */
  markEnding(ending: Omit<Ending, "atNs">): void {
    this.ending ??= { ...ending, atNs: machineMonotonicNs() };
    clearTimeout(this.timer);
  }

  get isEnding(): boolean {
    return this.ending !== null;
  }

  /**
   * Whether no process of the command is left; a command that has not started yet may be about to
   * enter its group.
   */
  get isFree(): boolean {
    const groupTells = this.isStarted && this.group.killFile !== null;
    return this.isGone || (groupTells && this.group.isEmpty());
  }

  /** What people are shown of it, beside its end. */
  get shown(): Pick<Outcome, "log" | "phases" | "lease"> {
    const [log, phases, lease] = [this.place.log(), this.place.phases(), this.place.lease()];
    return {
      ...(log !== null && { log }),
      ...(phases !== null && { phases }),
      ...(lease !== null && { lease }),
    };
  }

  finish(outcome: Outcome): void {
    clearTimeout(this.timer);
    this.hang.close();
    this.notices.close();
    this.isGone = true;
    this.settle({ key: this.key, cores: this.cores, outcome });
  }
}

/** The end of one attempt, with the resources that it held. */
export interface Ended {
  readonly key: AttemptKey;
  readonly cores: number;
  readonly outcome: Outcome;
}
