// The books of calls that run before they are on record: whether gleanerd may do without a record
// of them, and which of their attempts it is about.

import type { NewInvocations } from "../../../src/core/ports/store.js";
import type { InvocationId } from "../../../src/model/ids.js";
import type { AttemptKey, AttemptOrder, AttemptReport } from "../../../src/wire/messages.js";
import { unpack } from "../../../src/wire/packing.js";

const sealBytes = 32;
/** What a later gleanerd cancelled runs again. */
const freeEnds: ReadonlySet<string> = new Set(["EVICTED", "LOST", "CANCELLED"]);

interface Order {
  readonly requestId: string;
  /** It is billed while it is held, however that ends. */
  readonly isLease: boolean;
  /** A call of its own once its end was shown: a lease, or an attempt that was interrupted. */
  hasOwnRecord: boolean;
  readonly atMs: number;
  /** Its executor reported an end that nobody is billed for. */
  isFree: boolean;
}

export class UnrecordedBook {
  private readonly orders = new Map<string, Order>();
  /** The attempts that were shown with their vouchers. */
  private readonly shown = new Map<InvocationId, number>();

  constructor(private readonly nowMs: () => number) {}

  ordered({ invocation, attempt, voucher }: AttemptOrder): void {
    if (voucher === undefined) return;
    const terms = unpack(voucher.subarray(sealBytes)) as { request: NewInvocations };
    const { requestId, submission } = terms.request;
    const isLease = submission.command.kind === "call" && submission.command.lease !== undefined;
    const own = { isLease, hasOwnRecord: isLease };
    const order = { requestId, ...own, atMs: this.nowMs(), isFree: false };
    this.orders.set(nameOf({ invocation, attempt }), order);
  }

  reported(report: AttemptReport, isShown: boolean): void {
    const { invocation, attempt, end, wallMs, isInterrupted = false } = report;
    const order = this.orders.get(nameOf(report));
    if (order !== undefined) order.hasOwnRecord ||= isInterrupted;
    if (order !== undefined) order.isFree = wallMs === 0 || (!order.isLease && freeEnds.has(end));
    if (isShown) this.shown.set(invocation, attempt);
  }

  /** Its order says that it is not on record. */
  has(key: AttemptKey): boolean {
    return this.orders.has(nameOf(key));
  }

  orderedAtMs(key: AttemptKey): number | undefined {
    return this.orders.get(nameOf(key))?.atMs;
  }

  /** The attempt that a later gleanerd records as the first. */
  shownOf(invocation: InvocationId): number {
    return this.shown.get(invocation) ?? 1;
  }

  /** What may be on record under a name of its own, since its end was shown; else null. */
  requestOfOwn(invocation: InvocationId): string | null {
    const attempt = this.shown.get(invocation);
    if (attempt === undefined) return null;
    const order = this.orders.get(nameOf({ invocation, attempt }));
    return order?.hasOwnRecord ? order.requestId : null;
  }

  /**
   * Nothing of it is billed, or its client sent the request again, which is on record. What a lease
   * held, or an interrupted attempt used, must be on record itself.
   */
  mayBeForgotten(
    key: AttemptKey,
    hasRecord: (what: { requestId: string } | { invocation: InvocationId }) => boolean,
  ): boolean {
    const order = this.orders.get(nameOf(key));
    if (order === undefined) return false;
    if (order.isFree) return true;
    if (!order.hasOwnRecord) return hasRecord(order);
    return this.shownOf(key.invocation) === key.attempt && hasRecord(key);
  }
}

const nameOf = ({ invocation, attempt }: AttemptKey): string => `${invocation}.${attempt}`;
