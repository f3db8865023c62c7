// What a lease may be given, and a call over it beside its input.

import { minLeaseTtlMs } from "../../wire/api/limits.js";
import {
  checkFunction,
  checkOptions,
  countOrMore,
  oneOf,
  signal,
  text,
  timeMs,
  whole,
} from "../calls/checks.js";

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

const dayMs = 86_400_000;
const workers = whole(1, 65_536);
const leaseOptions = {
  function: text,
  workers,
  atLeast: whole(0, 65_536),
  cores: workers,
  memoryMb: whole(1, 2 ** 31 - 1),
  ttlMs: whole(minLeaseTtlMs, dayMs),
  hotMs: whole(-1, dayMs),
  waitMs: whole(0, 60_000),
  retry: oneOf("evicted", "never"),
  signal,
};

/** @internal */
export const invokeOptions = { signal, timeLimitMs: timeMs };
/** @internal */
export const mapOptions = { ...invokeOptions, window: countOrMore };

/** @internal */
export function checkLeaseOptions(options: LeaseOptions): void {
  checkOptions("lease", options ?? null, leaseOptions);
  checkFunction(options.function);
}
