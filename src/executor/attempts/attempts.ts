// Runs the attempts of this node: starts each once, enforces its time limit, ends it for a reason,
// and waits until its processes are gone.

import { clearTimeout, machineMonotonicNs, monotonicMs, setTimeout } from "../../clock.js";
import { fits, nothing, type Resources, subtract, sumOf } from "../../model/resources.js";
import type { LaunchSpec } from "../../wire/launch.js";
import type { AttemptKey, AttemptOrder, SignalOrder } from "../../wire/messages.js";
import type { Containment } from "../containment/containment.js";
import { emptied, emptyPollMs } from "../containment/emptying.js";
import type { Place, RunEnd, Runtime, Termination } from "../runtimes/runtime.js";
import { Attempt, type AttemptEvents, type Ended, keyText, type Running } from "./attempt.js";
import { freezeAll, thaw, withoutFrozenTime } from "./freezing.js";
import type { Foreseen } from "./notices.js";
import { type Ending, hungOutcome, outcomeOf, unprepared } from "./outcome.js";
import { placesOf, together, victimsOf } from "./places.js";
import { atOnce, type PassOn } from "./preempt-signal.js";
import { withinMs } from "./timing.js";

export interface Eviction {
  /** Resolves once no process of the commands is left; the reports follow a little later. */
  readonly freed: Promise<void>;
  readonly ended: Promise<readonly Ended[]>;
}

export class Attempts {
  private readonly attempts = new Map<string, Attempt>();
  private evictions = 0;
  private foreseen: Foreseen | null = null;

  constructor(
    private readonly containment: Containment,
    private readonly spec: Pick<LaunchSpec, "killWaitMs">,
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

  /** The resources that they hold together, including those whose processes are being ended. */
  get held(): Resources {
    return this.heldWithout([]);
  }

  heldWithout(keys: readonly AttemptKey[]): Resources {
    const left = new Set(keys.map(keyText));
    const rest = [...this.attempts.values()].filter(({ key }) => !left.has(keyText(key)));
    return sumOf(placesOf(rest));
  }

  /** Why it cannot be started beside the others; null if it can. */
  refusal(order: AttemptOrder, budget: Resources): string | null {
    const seat = this.runtime.seatFor(order);
    if (seat === "taken") return "the worker that it was to share takes no other call";
    if (seat === "free" || fits(order, subtract(budget, this.held))) return null;
    return "its resources were taken meanwhile";
  }

  /**
   * Starts an attempt that fits and is not running yet; calls `onEnded` with its end, even if it
   * cannot start.
   */
  start(order: AttemptOrder, budget: Resources): void {
    let place: Place;
    try {
      place = this.runtime.prepare(order, subtract(budget, this.held));
    } catch (thrown) {
      const outcome = unprepared(thrown);
      this.events.onTrouble(outcome.reason!);
      this.events.onEnded({ invocation: order.invocation, attempt: order.attempt }, outcome);
      return;
    }
    const attempt = new Attempt(order, place);
    this.attempts.set(keyText(order), attempt);
    this.limitTime(attempt);
    attempt.handle = place.start({
      onStarted: () => this.onStarted(attempt),
      onEnd: (end) => this.onEnd(attempt, end),
    });
  }

  /**
   * Sends SIGTERM and, after `killWaitMs`, SIGKILL. An attempt that is not here has already ended.
   */
  cancel(key: AttemptKey, why: "CANCELLED" | "REQUEUED"): void {
    const attempt = this.attempts.get(keyText(key));
    if (attempt) this.terminate(attempt, why, `it was ${why.toLowerCase()}`);
  }

  /** Below the time that it has run, the limit ends it at once. */
  limit(key: AttemptKey, timeLimitMs: number): void {
    const attempt = this.attempts.get(keyText(key));
    if (attempt?.takeLimit(timeLimitMs) && !attempt.frozen.isOn) this.limitTime(attempt);
  }

  signal(key: AttemptKey, order: SignalOrder): void {
    this.attempts.get(keyText(key))?.signal(order);
  }

  /** The node is expected to be needed in `inMs` milliseconds; null cancels that expectation. */
  foresee(inMs: number | null, reason: string): void {
    this.foreseen = inMs === null ? null : { atMs: monotonicMs() + inMs, reason };
    for (const { notices } of this.attempts.values()) notices.foresee(this.foreseen);
  }

  /**
   * Gives a notice to attempts that requested one, and resolves once they are gone, at a time of
   * their own choice.
   */
  async ask(reason: string): Promise<void> {
    const told = [...this.attempts.values()].filter(
      (attempt) => !attempt.isEnding && attempt.notices.evict(reason),
    );
    await Promise.all(told.map(({ gone }) => gone));
  }

  /** Gives notices, kills those that requested none, and resolves after at most `graceMs`. */
  async part(reason: string, graceMs: number): Promise<void> {
    const left = this.ask(reason);
    const untold = [...this.attempts.values()].filter(({ notices }) => notices.given === null);
    const keys = untold.map(({ key }) => key);
    this.evict(keys, reason);
    await withinMs(graceMs, left);
  }

  /** The attempts that must go so that the rest fits; those that are already ending go first. */
  victimsFor(budget: Resources): AttemptKey[] {
    return victimsOf([...this.attempts.values()], budget).map(({ key }) => key);
  }

  /**
   * Sends SIGKILL to all of them at once, and to idle workers that do not fit into the `budget`
   * beside the rest; null: no idle worker is in the way.
   */
  evict(keys: readonly AttemptKey[], reason: string, budget: Resources | null = null): Eviction {
    const named = keys.flatMap((key) => this.attempts.get(keyText(key)) ?? []);
    const attempts = together(named, this.attempts.values());
    const rest = () => this.heldWithout(attempts.map(({ key }) => key));
    const idle =
      budget === null
        ? Promise.resolve()
        : this.runtime.yieldTo(budget.cores === 0 ? nothing : subtract(budget, rest()));
    if (attempts.length === 0) return { freed: idle, ended: idle.then(() => []) };
    this.hurry(1);
    // One write kills everything: killing 64 groups one by one on nodes that share a machine takes
    // tens of milliseconds. The attempts are marked first: an end after the mark is ours.
    for (const attempt of attempts) attempt.markEnding({ end: "EVICTED", reason });
    const isAll = attempts.length === this.attempts.size && !this.runtime.hasIdle;
    const atOnce = isAll && this.containment.killAll();
    // An attempt that has not started yet may be about to enter its group.
    for (const attempt of attempts) {
      if (!atOnce || !attempt.isStarted) attempt.handle!.kill();
      else attempt.handle!.wasKilled?.();
      this.watchHang(attempt);
    }
    const isEmpty = () => atOnce && this.containment.isEmpty();
    return {
      freed: emptied(attempts, isEmpty, () => this.containment.hurry(true))
        .finally(() => this.hurry(-1))
        .then(() => idle),
      ended: Promise.all(attempts.map(({ gone }) => gone)),
    };
  }

  private hurry(change: 1 | -1): void {
    this.evictions += change;
    this.containment.hurry(this.evictions > 0);
  }

  /**
   * Freezes all attempts except the `victims` of an eviction, and what runs beside them; resolves
   * with true once they are frozen, or with false if one is not.
   */
  async freeze(victims: readonly AttemptKey[], patienceMs: number): Promise<boolean> {
    const spared = new Set(victims.map(keyText));
    const attempts = [...this.attempts.values()].filter(
      (attempt) => !spared.has(keyText(attempt.key)) && attempt.ending?.end !== "EVICTED",
    );
    this.hurry(1);
    return freezeAll(attempts, () => this.runtime.hold(true), patienceMs).finally(() =>
      this.hurry(-1),
    );
  }

  /** Resumes the frozen attempts with the remainder of their time limits. */
  thaw(): void {
    this.runtime.hold(false);
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

  /**
   * The limit counts from the order, because a command may hang before it runs (with a FIFO as its
   * output), and again from its start.
   */
  private limitTime(attempt: Attempt): void {
    clearTimeout(attempt.timer);
    attempt.timer = setTimeout(
      () =>
        this.terminate(attempt, "TIMEOUT", `it reached its time limit of ${attempt.limitMs} ms`),
      attempt.frozen.leftOf(attempt.limitMs, attempt.limitedFromMs),
    );
  }

  private terminate(attempt: Attempt, why: Termination, reason: string): void {
    if (attempt.isEnding) return;
    const end = why === "TIMEOUT" ? why : "CANCELLED";
    // Before the command runs, there is no process that could handle SIGTERM.
    if (!attempt.isStarted) {
      this.kill(attempt, end, reason);
      return;
    }
    attempt.ending = { end, reason, atNs: machineMonotonicNs() };
    attempt.handle!.terminate(why);
    clearTimeout(attempt.timer);
    attempt.timer = setTimeout(() => this.killNow(attempt), this.spec.killWaitMs);
  }

  private kill(attempt: Attempt, end: Ending["end"], reason: string): void {
    attempt.markEnding({ end, reason });
    this.killNow(attempt);
  }

  /** Ends its worker, too, and with that all calls in it; those run again, and are billed. */
  private killNow(attempt: Attempt): void {
    if (attempt.handle!.leave?.()) return;
    const lost = together([attempt], this.attempts.values());
    const who = `invocation ${attempt.key.invocation}, which shared its worker,`;
    const reason = attempt.ending!.reason.replace(/^it/, who);
    for (const each of lost) each.markEnding({ end: "EVICTED", reason, isOwnDoing: true });
    attempt.handle!.kill();
    for (const each of lost) this.watchHang(each);
  }

  private watchHang(attempt: Attempt): void {
    attempt.hang.killed((killedAtMs) => this.endHung(attempt, killedAtMs));
  }

  /** Users pay until the SIGKILL. */
  private endHung(attempt: Attempt, killedAtMs: number): void {
    const { key, cores, memoryMb, gpus, gres, group } = attempt;
    const wallMs = killedAtMs - attempt.limitedFromMs;
    this.attempts.delete(keyText(key));
    attempt.place.release(true, attempt.frozen.isOn);
    // The others in its worker hang with it, and the last of them leaves what they held.
    if (together([attempt], this.attempts.values()).length === 0)
      this.events.onHung({ name: keyText(key), held: { cores, memoryMb, gpus, gres }, group });
    const outcome = withoutFrozenTime(hungOutcome(attempt.ending, wallMs), attempt.frozen);
    attempt.finish(outcome);
    this.events.onEnded(key, outcome);
  }

  private onEnd(attempt: Attempt, end: RunEnd): void {
    if (attempt.isGone) return; // it hung, and its end has been reported
    clearTimeout(attempt.timer);
    if (end.kind === "vanished") {
      attempt.group.kill();
      this.watchHang(attempt);
      if (!attempt.group.isEmpty()) {
        attempt.timer = setTimeout(() => this.onEnd(attempt, end), emptyPollMs);
        return;
      }
    }
    const { isNodeShortOf } = this.events;
    // Not by what the function could choose: files left in a shared tmpfs, or a memory policy.
    const nodeWasFull = end.nodeWasFull && isNodeShortOf(attempt.order.memoryMb);
    const known = { ...end, nodeWasFull };
    const told = outcomeOf(known, attempt.order, attempt.ending, attempt.notices.given);
    const outcome = { ...withoutFrozenTime(told, attempt.frozen), ...attempt.shown };
    this.pass(() => {
      this.attempts.delete(keyText(attempt.key));
      attempt.finish(outcome);
      if (nodeWasFull) this.events.onNodeFull();
      this.events.onEnded(attempt.key, outcome);
      attempt.place.release(false, attempt.frozen.isOn);
    });
  }
}
