// The attempts that run on this node: started once each, limited in time, ended for a reason, gone when their processes are.

import { clearTimeout, machineMonotonicNs, monotonicMs, setTimeout } from "../../clock.js";
import { errnoOf, messageOf } from "../../model/errors.js";
import { fits, nothing, type Resources, subtract } from "../../model/resources.js";
import type { AttemptKey, AttemptOrder, LaunchSpec } from "../../wire/messages.js";
import { chooseVictims } from "../budget/victims.js";
import type { AttemptGroup, Containment } from "../containment/containment.js";
import { emptied, emptyPollMs } from "../containment/emptying.js";
import { removeLater } from "../containment/group-removal.js";
import { gpuEnvironment, rulesAgainstOthers } from "../node/gpu-devices.js";
import type { RunEnd, Runtime } from "../runtimes/runtime.js";
import { Attempt, type Ended, keyText, type Running } from "./attempt.js";
import { freezeAll, thaw, withoutFrozenTime } from "./freezing.js";
import type { Foreseen } from "./notices.js";
import { type Ending, type Outcome, outcomeOf } from "./outcome.js";
import { atOnce, type PassOn } from "./preempt-signal.js";
import { withinMs } from "./timing.js";

export interface AttemptEvents {
  onStarted(key: AttemptKey): void;
  onEnded(key: AttemptKey, outcome: Outcome): void;
  /** A thing a person may want to know of this node. */
  onTrouble(what: string): void;
}

export interface Eviction {
  /** No process of the commands is left; the reports come a little later. */
  readonly freed: Promise<void>;
  readonly ended: Promise<readonly Ended[]>;
}

export class Attempts {
  private readonly attempts = new Map<string, Attempt>();
  private evictions = 0;
  private foreseen: Foreseen | null = null;

  constructor(
    private readonly containment: Containment,
    private readonly spec: Pick<LaunchSpec, "killWaitMs" | "gpuDevices">,
    private readonly runtime: Runtime,
    private readonly events: AttemptEvents,
    private readonly pass: PassOn = atOnce,
  ) {}

  get running(): readonly Running[] {
    return [...this.attempts.values()];
  }

  get keys(): readonly AttemptKey[] {
    return this.running.map(({ key }) => key);
  }

  has(key: AttemptKey): boolean {
    return this.attempts.has(keyText(key));
  }

  /** What they hold together, those included whose processes are being ended. */
  get held(): Resources {
    return this.running.reduce(
      (sum, each) => ({
        cores: sum.cores + each.cores,
        memoryMb: sum.memoryMb + each.memoryMb,
        gpus: [...sum.gpus, ...each.gpus],
      }),
      nothing,
    );
  }

  fitsIn(order: AttemptOrder, budget: Resources): boolean {
    const need = { cores: order.cores, memoryMb: order.memoryMb, gpus: [] };
    const left = subtract(budget, this.held);
    return fits(need, left) && left.gpus.length >= order.gpus;
  }

  /** Starts an attempt that fits and is not here yet; its end is told to `onEnded`, also when it cannot be started. */
  start(order: AttemptOrder, budget: Resources): void {
    const key = { invocation: order.invocation, attempt: order.attempt };
    const gpus = subtract(budget, this.held).gpus.slice(0, order.gpus);
    let group: AttemptGroup;
    try {
      const denied = rulesAgainstOthers(this.spec.gpuDevices, gpus);
      const { cores, memoryMb } = order;
      group = this.containment.openGroup(keyText(key), { cores, memoryMb, gpus }, denied);
    } catch (thrown) {
      const reason = `the node refused a cgroup: ${messageOf(thrown)}`;
      this.events.onTrouble(reason);
      const failure = { stage: "join", errno: errnoOf(thrown), heldMs: 0 } as const;
      this.events.onEnded(key, outcomeOf({ kind: "failed", ...failure, message: reason }, null));
      return;
    }
    const told = gpuEnvironment(gpus, group.closesGpus);
    const withGpus = { ...order, environment: { ...order.environment, ...told } };
    const attempt = new Attempt(withGpus, group, gpus);
    this.attempts.set(keyText(key), attempt);
    this.limitTime(attempt);
    attempt.handle = this.runtime.start(withGpus, group, {
      onStarted: () => this.onStarted(attempt),
      onEnd: (end) => this.onEnd(attempt, end),
    });
  }

  /** SIGTERM, after `killWaitMs` SIGKILL. One that is not here has ended already. */
  cancel(key: AttemptKey): void {
    const attempt = this.attempts.get(keyText(key));
    if (attempt) this.terminate(attempt, "CANCELLED", "it was cancelled");
  }

  /** The node is expected to be needed in so many milliseconds; null: that is off. */
  foresee(inMs: number | null, reason: string): void {
    this.foreseen = inMs === null ? null : { atMs: monotonicMs() + inMs, reason };
    for (const { notices } of this.attempts.values()) notices.foresee(this.foreseen);
  }

  /** Tells those that asked to be told that they have to go. Resolves when they are gone, which only they decide. */
  async ask(reason: string): Promise<void> {
    const told = [...this.attempts.values()].filter(
      (attempt) => !attempt.isEnding && attempt.notices.evict(reason),
    );
    await Promise.all(told.map(({ gone }) => gone));
  }

  /** Asks, kills those that could not be asked, and resolves after `graceMs` at the latest. */
  async part(reason: string, graceMs: number): Promise<void> {
    const left = this.ask(reason);
    const all = [...this.attempts.values()];
    const untold = all.filter(({ notices }) => notices.given === null);
    this.evict(
      untold.map(({ key }) => key),
      reason,
    );
    await withinMs(graceMs, left);
  }

  /** What must go so that the rest fits; what is being ended already goes first. */
  victimsFor(budget: Resources): AttemptKey[] {
    const held = this.running.map(({ key, cores, memoryMb, gpus, isEnding, startedAtMs }) => {
      return { key, cores, memoryMb, gpus, startedAtMs: isEnding ? Infinity : startedAtMs };
    });
    return chooseVictims(held, budget).map(({ key }) => key);
  }

  /** SIGKILL at once to all of them. */
  evict(keys: readonly AttemptKey[], reason: string): Eviction {
    const attempts = keys
      .map((key) => this.attempts.get(keyText(key)))
      .filter((attempt) => attempt !== undefined);
    if (attempts.length === 0) return { freed: Promise.resolve(), ended: Promise.resolve([]) };
    this.hurry(1);
    // A whole node is cleared with one write: sixty-four of them, on nodes that share a machine, take tens of milliseconds.
    // Marked before: what ends after its mark was ended by us.
    for (const attempt of attempts) this.markEnding(attempt, "EVICTED", reason);
    const atOnce = attempts.length === this.attempts.size && this.containment.killAll();
    // One that did not start yet may be about to enter its group.
    for (const attempt of attempts) if (!atOnce || !attempt.isStarted) attempt.handle!.kill();
    const isEmpty = () => atOnce && this.containment.isEmpty();
    return {
      freed: emptied(attempts, isEmpty, () => this.containment.hurry(true)).finally(() =>
        this.hurry(-1),
      ),
      ended: Promise.all(attempts.map(({ gone }) => gone)),
    };
  }

  private hurry(change: 1 | -1): void {
    this.evictions += change;
    this.containment.hurry(this.evictions > 0);
  }

  /** All that run but the `victims` of an eviction stand still, from when this resolves with true on; false: one does not. */
  async freeze(victims: readonly AttemptKey[], patienceMs: number): Promise<boolean> {
    const spared = new Set(victims.map(keyText));
    const attempts = [...this.attempts.values()].filter(
      (attempt) => !spared.has(keyText(attempt.key)) && attempt.ending?.end !== "EVICTED",
    );
    this.hurry(1);
    return freezeAll(attempts, patienceMs).finally(() => this.hurry(-1));
  }

  /** Those that stood still go on, with as much of their time limits as they had left. */
  thaw(): void {
    for (const attempt of this.attempts.values())
      if (thaw(attempt) && !attempt.isEnding) this.limitTime(attempt);
  }

  private onStarted(attempt: Attempt): void {
    attempt.isStarted = true;
    this.events.onStarted(attempt.key);
    attempt.limitedFromMs = monotonicMs();
    if (attempt.isEnding) return;
    if (!attempt.frozen.isOn) this.limitTime(attempt);
    attempt.notices.started(this.foreseen);
  }

  /** From the order, since a command may hang before it runs (a FIFO as its output); anew when it has started. */
  private limitTime(attempt: Attempt): void {
    clearTimeout(attempt.timer);
    const limitMs = attempt.order.timeLimitMs;
    attempt.timer = setTimeout(
      () => this.terminate(attempt, "TIMEOUT", `its time limit of ${limitMs} ms was over`),
      attempt.frozen.leftOf(limitMs, attempt.limitedFromMs),
    );
  }

  private terminate(attempt: Attempt, end: "TIMEOUT" | "CANCELLED", reason: string): void {
    if (attempt.isEnding) return;
    // Before the command runs there is nobody to be polite to.
    if (!attempt.isStarted) {
      this.kill(attempt, end, reason);
      return;
    }
    attempt.ending = { end, reason, atNs: machineMonotonicNs() };
    attempt.handle!.terminate();
    clearTimeout(attempt.timer);
    attempt.timer = setTimeout(() => attempt.handle!.kill(), this.spec.killWaitMs);
  }

  /** An attempt that was being ended for another reason keeps that reason. */
  private markEnding(attempt: Attempt, end: Ending["end"], reason: string): void {
    attempt.ending ??= { end, reason, atNs: machineMonotonicNs() };
    clearTimeout(attempt.timer);
  }

  private kill(attempt: Attempt, end: Ending["end"], reason: string): void {
    this.markEnding(attempt, end, reason);
    attempt.handle!.kill();
  }

  private onEnd(attempt: Attempt, end: RunEnd): void {
    clearTimeout(attempt.timer);
    if (end.kind === "vanished") {
      attempt.group.kill();
      if (!attempt.group.isEmpty()) {
        attempt.timer = setTimeout(() => this.onEnd(attempt, end), emptyPollMs);
        return;
      }
    }
    const told = outcomeOf(end, attempt.ending, attempt.notices.given);
    const outcome = withoutFrozenTime(told, attempt.frozen);
    this.pass(() => {
      this.attempts.delete(keyText(attempt.key));
      attempt.finish(outcome);
      this.events.onEnded(attempt.key, outcome);
      removeLater(attempt.group);
    });
  }
}
