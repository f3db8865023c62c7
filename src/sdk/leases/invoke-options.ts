// What a call over a lease may be given beside its input.

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
