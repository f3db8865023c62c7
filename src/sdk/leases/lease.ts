// A lease in a program: calls go to its workers directly, and another way if those are gone.

// The types of the package need it, whatever libraries its user names.
/// <reference lib="esnext.disposable" preserve="true" />

import { monotonicMs } from "../../clock.js";
import type { LeaseState } from "../../model/functions/lease-state.js";
import { checkInputs, checkOptions } from "../calls/checks.js";
import { CallError } from "../calls/errors.js";
import type { MapResult } from "../calls/map.js";
import { contentOf, type Inputs } from "../calls/payloads.js";
import type { LeaseClient } from "../functions/lease-client.js";
import { keepLease, type LeaseKeeper } from "./keeper.js";
import { LeaseCall, type LeaseWays } from "./lease-call.js";
import { mapOver } from "./lease-map.js";
import { Lines } from "./lines.js";
import {
  checkLeaseOptions,
  invokeOptions,
  type LeaseInvokeOptions,
  type LeaseMapOptions,
  type LeaseOptions,
  mapOptions,
} from "./options.js";

/**
 * Whether a call whose worker's connection broke, and which may have run, is sent again elsewhere:
 * as after an eviction, or never (it ends with LEASE_LOST then).
 */
export type LeaseRetry = "evicted" | "never";

/** A worker as its lease has it now. */
export interface LeasedWorker {
  /** INVOCATION.ATTEMPT. */
  readonly worker: string;
  readonly node: string;
  readonly state: "serving" | "terminating";
}

type Elsewhere = (
  name: string,
  input: unknown,
  limits: { readonly timeLimitMs: number; readonly signal: AbortSignal },
) => Promise<unknown>;

/** @internal */
export interface LeaseParts {
  readonly leases: LeaseClient;
  /** A call through gleanerd. */
  readonly invoke: Elsewhere;
}

const slackMs = 30_000;

/**
 * Requests a lease; see Connection.lease().
 * @internal
 */
export async function openLease(
  parts: LeaseParts,
  options: LeaseOptions & { readonly retry?: LeaseRetry },
): Promise<Lease> {
  checkLeaseOptions(options);
  let keeper: LeaseKeeper | null = null;
  const lines = new Lines(() => keeper?.replace());
  try {
    keeper = await keepLease(parts.leases, options, ({ workers, state }) =>
      lines.follow(workers, state !== "ENDED"),
    );
    await lines.tried();
    const ownMs = keeper.current.timeLimitMs;
    // gleanerd refuses a call that asks for more time than its function has.
    const elsewhere: Elsewhere = (called, input, { timeLimitMs, signal }) =>
      parts.invoke(called, input, { timeLimitMs: Math.min(timeLimitMs, ownMs), signal });
    return new Lease(elsewhere, keeper, lines, options, ownMs + slackMs);
  } catch (error) {
    lines.close();
    await keeper?.end();
    throw error;
  }
}

export class Lease implements AsyncDisposable {
  private calls = 0;
  private readonly inProgress = new Set<LeaseCall>();
  private readonly ways: LeaseWays;

  /** @internal */
  constructor(
    elsewhere: Elsewhere,
    private readonly keeper: LeaseKeeper,
    private readonly lines: Lines,
    options: { readonly function: string; readonly retry?: LeaseRetry },
    private readonly limitMs: number,
  ) {
    this.ways = {
      mayRunAgain: options.retry !== "never",
      again: (call) => lines.submit(call, monotonicMs()),
      withdraw: (call) => lines.withdraw(call),
      elsewhere: (input, limits) => elsewhere(options.function, input, limits),
      onEnd: (call) => this.inProgress.delete(call),
    };
  }

  /** As `glean lease list` and `glean explain` know it; another one once it was replaced. */
  get id(): string {
    return String(this.keeper.current.id);
  }

  /** ENDED if it was ended, by whomever: the next call asks for another one, PENDING until then. */
  get state(): LeaseState {
    return this.keeper.current.state;
  }

  /** Why it waits or ended, in one sentence; null if there is nothing to say. */
  get reason(): string | null {
    return this.keeper.current.reason;
  }

  get workers(): readonly LeasedWorker[] {
    return this.keeper.current.workers.map(({ worker, node, state }) => ({ worker, node, state }));
  }

  /** Calls the function and resolves with its result. Rejects as Connection.invoke() does. */
  invoke<Value = unknown>(input?: unknown, options?: LeaseInvokeOptions): Promise<Value> {
    return new Promise((resolve, reject) => {
      checkOptions("invoke", options, invokeOptions);
      const { signal, timeLimitMs = this.limitMs } = options ?? {};
      signal?.throwIfAborted();
      const { contentType, body } = contentOf(input);
      const bytes = typeof body === "string" ? Buffer.from(body) : body;
      const name = `${this.id}/${++this.calls}`;
      const nowMs = monotonicMs();
      const order = { name, contentType, body: bytes, deadlineMs: nowMs + timeLimitMs, signal };
      const settle = resolve as (value: unknown) => void;
      const call = new LeaseCall(order, this.ways, settle, reject);
      this.inProgress.add(call);
      this.lines.submit(call, nowMs);
    });
  }

  /**
   * Calls the function once for each input and yields, in their order, how each call ended. Reads
   * `inputs` as results are taken; leaving the loop early cancels the calls that have not ended.
   */
  map<Value = unknown>(
    inputs: Inputs,
    options: LeaseMapOptions = {},
  ): AsyncGenerator<MapResult<Value>, void, undefined> {
    checkInputs(inputs);
    checkOptions("map", options, mapOptions);
    const id = (index: number) => `${this.id}/${index}`;
    return mapOver((input, limits) => this.invoke<Value>(input, limits), id, inputs, options);
  }

  /** Ends the lease; calls that have not ended reject with LEASE_LOST. */
  async end(): Promise<void> {
    const reason = "the lease was ended by its own program";
    for (const call of [...this.inProgress])
      call.reject(new CallError("LEASE_LOST", call.name, `call ${call.name}: ${reason}`));
    this.lines.close();
    await this.keeper.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}
