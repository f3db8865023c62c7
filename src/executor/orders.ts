// Takes gleanerd's orders: refuses what does not fit, starts the rest, and keeps those that follow
// another attempt until that has ended.

import { machineMonotonicNs } from "../clock.js";
import type { Resources } from "../model/resources.js";
import type { AttemptKey, AttemptOrder } from "../wire/messages.js";
import { keyText } from "./attempts/attempt.js";
import type { Attempts } from "./attempts/attempts.js";
import { Followers } from "./attempts/followers.js";
import { notStarted, type Outcome } from "./attempts/outcome.js";
import type { Outbox } from "./connection/outbox.js";

export interface OrderParts {
  readonly budget: () => Resources;
  /** Why it cannot be started now; null if it can. */
  readonly refusal: (order: AttemptOrder) => string | null;
  readonly onEnded: (key: AttemptKey, outcome: Outcome) => void;
}

const keyOf = ({ invocation, attempt }: AttemptOrder): AttemptKey => ({ invocation, attempt });

export class Orders {
  private readonly followers = new Followers((orders) => this.giveLateBack(orders));
  /** Those that waited too long, until that is recorded: orders behind them may be under way. */
  private readonly late = new Set<string>();
  /** Those that began after another, until they end, and when that had ended. */
  private readonly following = new Map<string, bigint>();

  constructor(
    private readonly attempts: Pick<Attempts, "has" | "start" | "cancel" | "limit">,
    private readonly outbox: Pick<Outbox, "repeat" | "vouch" | "report" | "recorded" | "sayNow">,
    private readonly parts: OrderParts,
  ) {}

  /** The attempts that wait for another. */
  get waiting(): readonly AttemptKey[] {
    return this.followers.keys;
  }

  take(order: AttemptOrder): void {
    const key = keyOf(order);
    if (this.isHere(key) || this.outbox.repeat(key)) return;
    if (order.voucher !== undefined) this.outbox.vouch(key, order.voucher);
    const { after } = order;
    if (after !== undefined && this.isHere(after)) this.followers.add(order, after);
    // The one at the head still runs.
    else if (after !== undefined && this.late.has(keyText(after))) this.giveLateBack([order]);
    else this.begin(order);
  }

  /** An attempt that is not here has already ended. */
  cancel(key: AttemptKey, isRequeue?: boolean): void {
    if (this.followers.remove(key))
      this.parts.onEnded(key, notStarted("CANCELLED", "it was cancelled before it ran"));
    else this.attempts.cancel(key, isRequeue ? "REQUEUED" : "CANCELLED");
  }

  /** An attempt that is not here has already ended. */
  limit(key: AttemptKey, timeLimitMs: number): void {
    if (!this.followers.limit(key, timeLimitMs)) this.attempts.limit(key, timeLimitMs);
  }

  /** If it followed another, only its end is reported. */
  started(key: AttemptKey): void {
    if (!this.following.has(keyText(key))) this.outbox.sayNow({ type: "started", key, agoMs: 0 });
  }

  /** Reports the end. The next one begins later in this turn, once the place is free. */
  ended(key: AttemptKey, outcome: Outcome): void {
    const endedAtNs = machineMonotonicNs();
    const sinceNs = this.following.get(keyText(key));
    this.following.delete(keyText(key));
    const pace = sinceNs === undefined ? {} : { paceUs: Number((endedAtNs - sinceNs) / 1_000n) };
    const report = { ...key, ...outcome, ...pace };
    const next = this.followers.next(key);
    this.outbox.report(
      key,
      (agoMs) => ({ type: "ended", report: { ...report, agoMs } }),
      next !== null,
    );
    if (next === null) return;
    this.following.set(keyText(next), endedAtNs);
    void Promise.resolve().then(() => this.begin(next));
  }

  recorded(key: AttemptKey): void {
    this.late.delete(keyText(key));
    this.outbox.recorded(key);
  }

  /** Returns all that waits to gleanerd's queue. */
  giveAllBack(reason: string): void {
    this.giveBack(this.followers.clear(), reason);
  }

  private begin(order: AttemptOrder): void {
    const refusal = this.parts.refusal(order);
    if (refusal === null) this.attempts.start(order, this.parts.budget());
    else this.parts.onEnded(keyOf(order), notStarted("EVICTED", refusal));
  }

  private giveLateBack(orders: readonly AttemptOrder[]): void {
    for (const order of orders) this.late.add(keyText(order));
    this.giveBack(orders, "the task before it took longer than expected");
  }

  private giveBack(orders: readonly AttemptOrder[], reason: string): void {
    for (const order of orders) this.parts.onEnded(keyOf(order), notStarted("EVICTED", reason));
  }

  private isHere(key: AttemptKey): boolean {
    return this.attempts.has(key) || this.followers.has(key);
  }
}
