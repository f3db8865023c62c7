// What a lease may be given, and a call over it beside its input.

/** What is leased. */
export interface LeaseOptions {
  readonly function: string;
  /** 1 if omitted. */
  readonly workers?: number;
  /** The number of workers that serve when it is granted: 1 if omitted; `workers`: all or none. */
  readonly atLeast?: number;
  /** For each worker; if omitted, the function's. */
  readonly cores?: number;
  readonly memoryMb?: number;
  /** The lease ends if its client dies for this time: 10 s if omitted. */
  readonly ttlMs?: number;
  /** How long workers spin after a call before they block: -1 always, 0 (if omitted) not at all. */
  readonly hotMs?: number;
  /** How long to wait for the grant; 10 s if omitted. */
  readonly waitMs?: number;
  /** Ends the wait for the grant. */
  readonly signal?: AbortSignal;
}

export interface LeaseInvokeOptions {
  /** Cancels the call; invoke() rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** The call ends with TIMEOUT then; if omitted, the function's limit and 30 s. */
  readonly timeLimitMs?: number;
}

export interface LeaseMapOptions extends LeaseInvokeOptions {
  /** The most inputs that are read and whose results were not taken; 256 if omitted. */
  readonly window?: number;
}
