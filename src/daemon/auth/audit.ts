// The audit log: who used which authority, and what was refused; limited per user, so that nobody
// can fill it.

import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import type { Store } from "../../core/ports/store.js";
import { messageOf } from "../../model/errors.js";
import type { AuditAction, AuditEvent } from "../../model/records/audit.js";

/**
 * How many of a user's actions per minute are recorded individually; the others are only counted.
 * All actions of operators are recorded.
 */
const maxEachMinute = 60;
const minuteMs = 60_000;
/**
 * 200 MB; the oldest actions of users are removed first, those of operators stay for
 * store.retainDays.
 */
export const maxAuditRows = 1_000_000;
const maxText = 500;

/** A request's action, as described by its route. */
export interface Act {
  readonly action: AuditAction;
  readonly subject?: string;
  readonly detail?: string;
}

interface Actor {
  readonly uid: number;
  readonly user: string;
  readonly operator: boolean;
}

interface Count {
  readonly actor: Actor;
  readonly source: string;
  acts: number;
}

export class Audit {
  private minute = 0;
  private counts = new Map<number, Count>();
  private last: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: Pick<Store, "saveAudit">,
    private readonly log: Logger,
  ) {}

  /** Returns at once: nobody waits for the write, and a failed one is logged. */
  note(actor: Actor, source: string, { action, subject = "", detail = "" }: Act): void {
    this.turnMinute();
    const count = this.counts.get(actor.uid) ?? { actor, source, acts: 0 };
    this.counts.set(actor.uid, count);
    count.acts++;
    if (!actor.operator && count.acts > maxEachMinute) return;
    this.save(actor, source, action, subject, detail);
  }

  /** Resolves once everything noted is in the store. */
  written(): Promise<void> {
    return this.last;
  }

  /** Writes the counts of actions that were not recorded individually. */
  close(): void {
    for (const { actor, source, acts } of this.counts.values())
      if (!actor.operator && acts > maxEachMinute)
        this.save(
          actor,
          source,
          "more",
          "",
          `${acts - maxEachMinute} more actions within a minute`,
        );
    this.counts = new Map();
  }

  private turnMinute(): void {
    const minute = Math.floor(nowMs() / minuteMs);
    if (minute === this.minute) return;
    this.close();
    this.minute = minute;
  }

  private save(
    { uid, user, operator }: Actor,
    source: string,
    action: AuditAction,
    subject: string,
    detail: string,
  ): void {
    const texts = { subject: subject.slice(0, maxText), detail: detail.slice(0, maxText) };
    const event: AuditEvent = { atMs: nowMs(), uid, user, operator, source, action, ...texts };
    this.last = this.store
      .saveAudit(event)
      .catch((cause: unknown) =>
        this.log.error({ event, cause: messageOf(cause) }, "cannot write an audit event"),
      );
  }
}
