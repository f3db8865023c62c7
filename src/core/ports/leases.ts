// The store's records of leases: what their workers used; a part of the port Store.

import type { InvocationId } from "../../model/ids.js";

/** The processor time that is billed as hot, and what the worker said of it; null: no lease. */
export interface Heat {
  readonly hotMs: number | null;
  readonly spinMs: number | null;
}

/** What the workers of a lease that have ended used together. */
export interface LeaseRecord {
  readonly coreMs: number;
  readonly cpuMs: number;
  readonly spinMs: number;
  /** That of the invocation that ended last; null if none has ended, or without a reason. */
  readonly reason: string | null;
}

export interface LeaseStore {
  leaseRecord(lease: InvocationId): Promise<LeaseRecord>;
}
