// Holds what the daemon must hear even if it is away: reports until it has recorded them, events
// until they were sent once.

import { clearTimeout, monotonicMs, setTimeout, type Timer } from "../../clock.js";
import type { AttemptKey, ExecutorMessage } from "../../wire/messages.js";
import { keyText } from "../attempts/attempt.js";

/**
 * The most attempts that may end while the daemon is away: more than a node runs within `orphanMs`.
 */
const maxUnrecorded = 10_000;
/** How long a report may wait for those of the tasks that follow, with which it shares a frame. */
const gatherMs = 20;
/** Hook events only feed statistics; the oldest are dropped first. */
const maxEvents = 1_000;

/** Builds a message that is sent `agoMs` after its event. */
type Telling = (agoMs: number) => ExecutorMessage;

interface Report extends Item {
  readonly key: AttemptKey;
}

/** What came with an order, and the daemon that sent it. */
interface Voucher {
  readonly voucher: Uint8Array;
  readonly orderer: Send | null;
}

/** `isAwaited`: a client waits for it. */
export type Send = (message: ExecutorMessage, isAwaited?: boolean) => boolean;

interface Item {
  readonly telling: Telling;
  readonly atMs: number;
}

export class Outbox {
  private readonly reports = new Map<string, Report>();
  private readonly vouchers = new Map<string, Voucher>();
  /** Reports that wait for others. */
  private gathered: Report[] = [];
  private gathering: Timer | undefined;
  private events: Item[] = [];
  /** null while there is no daemon. */
  private send: Send | null = null;
  private onEmpty: (() => void) | null = null;

  get isFull(): boolean {
    return this.reports.size >= maxUnrecorded;
  }

  /** The attempts whose reports are not recorded yet. */
  get unrecorded(): AttemptKey[] {
    return [...this.reports.values()].map(({ key }) => key);
  }

  /** A daemon has connected (and received `ready`): repeats everything it has not recorded. */
  attach(send: Send): void {
    this.send = send;
    this.gathered = [...this.reports.values()];
    this.tellGathered();
    const waiting = this.events;
    this.events = [];
    for (const { telling, atMs } of waiting) this.addEvent({ telling, atMs });
  }

  detach(): void {
    this.send = null;
  }

  /** For state that a later `ready` repeats: sent now or never. */
  sayNow(message: ExecutorMessage, isAwaited = false): void {
    this.send?.(message, isAwaited);
  }

  event(telling: Telling): void {
    this.addEvent({ telling, atMs: monotonicMs() });
  }

  /** `mayWait`: others follow at once. */
  report(key: AttemptKey, telling: Telling, mayWait = false): void {
    const item = { key, telling, atMs: monotonicMs() };
    this.reports.set(keyText(key), item);
    this.gathered.push(item);
    if (mayWait) this.gathering ??= setTimeout(() => this.tellGathered(), gatherMs);
    else this.tellGathered();
  }

  /** Keeps the voucher of an order until its report is recorded. */
  vouch(key: AttemptKey, voucher: Uint8Array): void {
    this.vouchers.set(keyText(key), { voucher, orderer: this.send });
  }

  /** Sends the report of this attempt again; returns false if no such report is waiting. */
  repeat(key: AttemptKey): boolean {
    const item = this.reports.get(keyText(key));
    if (item === undefined) return false;
    this.tellReport(item);
    return true;
  }

  recorded(key: AttemptKey): void {
    this.reports.delete(keyText(key));
    this.vouchers.delete(keyText(key));
    if (this.reports.size === 0) this.onEmpty?.();
  }

  /** Resolves once all reports are recorded, or after `limitMs`. */
  async emptied(limitMs: number): Promise<void> {
    if (this.reports.size === 0) return;
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, limitMs);
      this.onEmpty = () => {
        clearTimeout(late);
        resolve();
      };
    });
  }

  private tellGathered(): void {
    clearTimeout(this.gathering);
    this.gathering = undefined;
    const { gathered } = this;
    this.gathered = [];
    for (const item of gathered) this.tellReport(item);
  }

  /** With the order's voucher, if this daemon may not be the one that sent the order. */
  private tellReport(item: Report): void {
    const { voucher, orderer } = this.vouchers.get(keyText(item.key)) ?? {};
    if (voucher === undefined || orderer === this.send) {
      this.tell(item, voucher !== undefined);
      return;
    }
    const telling: Telling = (agoMs) => {
      const message = item.telling(agoMs);
      return message.type === "ended" ? { ...message, voucher } : message;
    };
    this.tell({ ...item, telling });
  }

  private addEvent(item: Item): void {
    if (this.tell(item)) return;
    this.events.push(item);
    if (this.events.length > maxEvents) this.events.shift();
  }

  private tell({ telling, atMs }: Item, isAwaited = false): boolean {
    return this.send?.(telling(monotonicMs() - atMs), isAwaited) ?? false;
  }
}
