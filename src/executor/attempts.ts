// The attempts that run on this node: started once each, limited in time, ended for a reason, gone when their processes are.

import { clearTimeout, machineMonotonicNs, monotonicMs, setTimeout, type Timer } from "../clock.js";
import { messageOf } from "../model/errors.js";
import { fits, nothing, type Resources, subtract } from "../model/resources.js";
import type { AttemptKey, AttemptOrder } from "../wire/messages.js";
import type { AttemptGroup, Containment } from "./containment.js";
import { emptyPollMs, freed } from "./freeing.js";
import { AttemptNotices, type Foreseen } from "./notices.js";
import { type Ending, type Outcome, outcomeOf } from "./outcome.js";
import { type SpawnEnd, type SpawnHandle, spawnAttempt } from "./runtimes/exec.js";
import type { Held } from "./victims.js";
import { withinMs } from "./within.js";

/** A group is removed a little later: an eviction does not wait for that, and the kernel may be busy with it. */
const removeMs = 50;

export const keyText = (key: AttemptKey): string => `${key.invocation}.${key.attempt}`;

export interface Running extends Held {
  readonly key: AttemptKey;
  /** true from the first signal we sent. */
  readonly isEnding: boolean;
}

export interface AttemptEvents {
  onStarted(key: AttemptKey): void;
  onEnded(key: AttemptKey, outcome: Outcome): void;
  /** A thing a person may want to know of this node. */
  onTrouble(what: string): void;
}

class Attempt implements Running {
  readonly cores: number;
  readonly memoryMb: number;
  readonly startedAtMs = monotonicMs();
  readonly key: AttemptKey;
  handle: SpawnHandle | null = null;
  isStarted = false;
  ending: Ending | null = null;
  /** The time limit, then the wait from SIGTERM to SIGKILL. */
  timer: Timer | undefined;
  readonly notices: AttemptNotices;
  /** Resolves when its report is there. */
  readonly gone: Promise<Ended>;
  isGone = false;
  #settle: (ended: Ended) => void = () => {};

  constructor(
    readonly order: AttemptOrder,
    readonly group: AttemptGroup,
  ) {
    this.key = { invocation: order.invocation, attempt: order.attempt };
    this.cores = order.cores;
    this.memoryMb = order.memoryMb;
    this.notices = new AttemptNotices(order.notice, order.timeLimitMs, () => this.handle!.notify());
    this.gone = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  get isEnding(): boolean {
    return this.ending !== null;
  }

  /** Whether no process of the command is left; one that was not started yet may be about to enter its group. */
  get isFree(): boolean {
    const groupTells = this.isStarted && this.group.killFile !== null;
    return this.isGone || (groupTells && this.group.isEmpty());
  }

  finish(outcome: Outcome): void {
    clearTimeout(this.timer);
    this.notices.close();
    this.isGone = true;
    this.#settle({ key: this.key, cores: this.cores, outcome });
  }
}

/** How one attempt ended, with what it had held. */
export interface Ended {
  readonly key: AttemptKey;
  readonly cores: number;
  readonly outcome: Outcome;
}

export interface Eviction {
  /** No process of the commands is left; the reports come a little later. */
  readonly freed: Promise<void>;
  readonly ended: Promise<readonly Ended[]>;
}

export class Attempts {
  readonly #attempts = new Map<string, Attempt>();
  #evictions = 0;
  #foreseen: Foreseen | null = null;

  constructor(
    private readonly containment: Containment,
    private readonly spawnProgram: string,
    private readonly killWaitMs: number,
    private readonly events: AttemptEvents,
    private readonly spawn = spawnAttempt,
  ) {}

  get running(): readonly Running[] {
    return [...this.#attempts.values()];
  }

  has(key: AttemptKey): boolean {
    return this.#attempts.has(keyText(key));
  }

  /** What they hold together, those included whose processes are being ended. */
  get held(): Resources {
    return this.running.reduce(
      (sum, each) => ({
        cores: sum.cores + each.cores,
        memoryMb: sum.memoryMb + each.memoryMb,
        gpus: sum.gpus,
      }),
      nothing,
    );
  }

  fitsIn(order: AttemptOrder, budget: Resources): boolean {
    const need = { cores: order.cores, memoryMb: order.memoryMb, gpus: [] };
    return fits(need, subtract(budget, this.held));
  }

  /** Starts an attempt that fits and is not here yet; its end is told to `onEnded`, also when it cannot be started. */
  start(order: AttemptOrder): void {
    const key = { invocation: order.invocation, attempt: order.attempt };
    let group: AttemptGroup;
    try {
      group = this.containment.openGroup(keyText(key), order);
    } catch (thrown) {
      const reason = `the node refused a cgroup: ${messageOf(thrown)}`;
      this.events.onTrouble(reason);
      this.events.onEnded(key, outcomeOf({ kind: "vanished", message: reason }, null));
      return;
    }
    const attempt = new Attempt(order, group);
    this.#attempts.set(keyText(key), attempt);
    this.#limitTime(attempt);
    attempt.handle = this.spawn(this.spawnProgram, order, group, {
      onStarted: () => this.#onStarted(attempt),
      onEnd: (end) => this.#onEnd(attempt, end),
    });
  }

  /** SIGTERM, after `killWaitMs` SIGKILL. One that is not here has ended already. */
  cancel(key: AttemptKey): void {
    const attempt = this.#attempts.get(keyText(key));
    if (attempt) this.#terminate(attempt, "CANCELLED", "it was cancelled");
  }

  /** The node is expected to be needed in so many milliseconds; null: that is off. */
  foresee(inMs: number | null, reason: string): void {
    this.#foreseen = inMs === null ? null : { atMs: monotonicMs() + inMs, reason };
    for (const { notices } of this.#attempts.values()) notices.foresee(this.#foreseen);
  }

  /** Tells those that asked to be told that they have to go. Resolves when they are gone, which only they decide. */
  async ask(reason: string): Promise<void> {
    const told = [...this.#attempts.values()].filter(
      (attempt) => !attempt.isEnding && attempt.notices.evict(reason),
    );
    await Promise.all(told.map(({ gone }) => gone));
  }

  /** Asks, kills those that could not be asked, and resolves after `graceMs` at the latest. */
  async part(reason: string, graceMs: number): Promise<void> {
    const left = this.ask(reason);
    const all = [...this.#attempts.values()];
    const untold = all.filter(({ notices }) => notices.given === null);
    this.evict(
      untold.map(({ key }) => key),
      reason,
    );
    await withinMs(graceMs, left);
  }

  /** SIGKILL at once to all of them. */
  evict(keys: readonly AttemptKey[], reason: string): Eviction {
    const attempts = keys
      .map((key) => this.#attempts.get(keyText(key)))
      .filter((attempt) => attempt !== undefined);
    if (attempts.length === 0) return { freed: Promise.resolve(), ended: Promise.resolve([]) };
    this.#hurry(1);
    // A whole node is cleared with one write: sixty-four of them, on nodes that share a machine, take tens of milliseconds.
    // Marked before: what ends after its mark was ended by us.
    for (const attempt of attempts) this.#markEnding(attempt, "EVICTED", reason);
    const atOnce = attempts.length === this.#attempts.size && this.containment.killAll();
    // One that did not start yet may be about to enter its group.
    for (const attempt of attempts) if (!atOnce || !attempt.isStarted) attempt.handle!.kill();
    const isEmpty = () => atOnce && this.containment.isEmpty();
    return {
      freed: freed(attempts, isEmpty, () => this.containment.hurry(true)).finally(() =>
        this.#hurry(-1),
      ),
      ended: Promise.all(attempts.map(({ gone }) => gone)),
    };
  }

  #hurry(change: 1 | -1): void {
    this.#evictions += change;
    this.containment.hurry(this.#evictions > 0);
  }

  #onStarted(attempt: Attempt): void {
    attempt.isStarted = true;
    this.events.onStarted(attempt.key);
    if (attempt.isEnding) return;
    this.#limitTime(attempt);
    attempt.notices.started(this.#foreseen);
  }

  /** From the order, since a command may hang before it runs (a FIFO as its output); anew when it has started. */
  #limitTime(attempt: Attempt): void {
    clearTimeout(attempt.timer);
    const limitMs = attempt.order.timeLimitMs;
    attempt.timer = setTimeout(
      () => this.#terminate(attempt, "TIMEOUT", `its time limit of ${limitMs} ms was over`),
      limitMs,
    );
  }

  #terminate(attempt: Attempt, end: "TIMEOUT" | "CANCELLED", reason: string): void {
    if (attempt.isEnding) return;
    // Before the command runs there is nobody to be polite to.
    if (!attempt.isStarted) {
      this.#kill(attempt, end, reason);
      return;
    }
    attempt.ending = { end, reason, atNs: machineMonotonicNs() };
    attempt.handle!.terminate();
    clearTimeout(attempt.timer);
    attempt.timer = setTimeout(() => attempt.handle!.kill(), this.killWaitMs);
  }

  /** An attempt that was being ended for another reason keeps that reason. */
  #markEnding(attempt: Attempt, end: Ending["end"], reason: string): void {
    attempt.ending ??= { end, reason, atNs: machineMonotonicNs() };
    clearTimeout(attempt.timer);
  }

  #kill(attempt: Attempt, end: Ending["end"], reason: string): void {
    this.#markEnding(attempt, end, reason);
    attempt.handle!.kill();
  }

  #onEnd(attempt: Attempt, end: SpawnEnd): void {
    clearTimeout(attempt.timer);
    if (end.kind === "vanished") {
      attempt.group.kill();
      if (!attempt.group.isEmpty()) {
        attempt.timer = setTimeout(() => this.#onEnd(attempt, end), emptyPollMs);
        return;
      }
    }
    this.#attempts.delete(keyText(attempt.key));
    const outcome = outcomeOf(end, attempt.ending, attempt.notices.given);
    attempt.finish(outcome);
    this.events.onEnded(attempt.key, outcome);
    this.#removeLater(attempt.group);
  }

  #removeLater(group: AttemptGroup): void {
    const timer = setTimeout(() => {
      if (!group.remove()) this.#removeLater(group);
    }, removeMs);
    timer.unref();
  }
}
