// Calls functions from a program: one call, a call whose result is fetched later, a map.

import { GleanerError } from "../model/errors.js";
import { isFinal } from "../model/invocation.js";
import { maxWaitMs } from "../wire/api/limits.js";
import {
  signal as aSignal,
  callback,
  checkCallId,
  checkFunction,
  checkInputs,
  checkOptions,
  countOrMore,
  oneOf,
  text,
  timeMs,
  uuid,
  whole,
} from "./calls/checks.js";
import { carriable, fetchResult } from "./calls/contents.js";
import { type MapClient, type MapOptions, type MapResult, mapCalls } from "./calls/map.js";
import type { Inputs } from "./calls/payloads.js";
import { type SubmittedMap, submitMap } from "./calls/submit-map.js";
import { GleanerClient } from "./client.js";
import type { Lease, LeaseRetry } from "./leases/lease.js";
import type { LeaseOptions } from "./leases/options.js";
import type { LineRequest } from "./line/call-line.js";
import { privateDirectory } from "./private-files.js";
import { randomUuid } from "./random.js";
import { patiently } from "./repeat.js";
import { configFileOf, readSettings } from "./settings.js";
import type { TokenOptions } from "./tokens.js";

export interface ConnectOptions {
  /** If omitted: $GLEANER_CONF, else /etc/gleaner/gleaner.yaml. */
  readonly configFile?: string;
  /** Both in place of a configuration file. */
  readonly address?: TokenOptions["address"];
  readonly munge?: TokenOptions["munge"];
}

export interface SubmitOptions {
  /** A shorter limit than the function's own. */
  readonly timeLimitMs?: number;
  /** A UUID; a call that is submitted again with it is the same call. */
  readonly requestId?: string;
}

export interface InvokeOptions extends SubmitOptions {
  /** Cancels the call; invoke() rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const submitOptions = { timeLimitMs: timeMs, requestId: uuid };
const invokeOptions = { ...submitOptions, signal: aSignal };
const mapOptions = {
  order: oneOf("input", "ended"),
  window: countOrMore,
  patienceMs: whole(0, 2 ** 31 - 1),
  timeLimitMs: timeMs,
  signal: aSignal,
  onSubmitted: callback,
};
const anObject = {
  expected: "an object",
  accepts: (value: unknown) => typeof value === "object" && value !== null,
};
const connectOptions = { configFile: text, address: anObject, munge: anObject };

/**
 * Calls functions as this user. Rejects with a CallError if a call has no result, else with a
 * GleanerError.
 */
export class Connection {
  /** @internal */
  readonly client: Pick<GleanerClient, "call" | "leases"> & MapClient;

  /** @internal */
  constructor(client: Connection["client"]) {
    this.client = client;
  }

  /** Calls a function and resolves with its result. */
  async invoke<Value = unknown>(
    name: string,
    input?: unknown,
    given: InvokeOptions = {},
  ): Promise<Value> {
    checkFunction(name);
    checkOptions("invoke", given, invokeOptions);
    const { signal, ...options } = given;
    signal?.throwIfAborted();
    const request = await this.requestOf(name, input, options);
    try {
      // A program that names the request may have sent it before.
      const fresh = options.requestId === undefined;
      const asked = { ...request, fresh, waitMs: maxWaitMs };
      const { id, invocation, answer, content } = await this.client.call(asked, signal);
      if (invocation === null || !isFinal(invocation.state))
        return await this.result<Value>(String(id), signal === undefined ? {} : { signal });
      const ended = { ...invocation, answer };
      return (await fetchResult(this.client.functions, String(id), ended, content)) as Value;
    } catch (error) {
      if (signal?.aborted) await this.withdraw(request);
      throw error;
    }
  }

  /** Submits a call and resolves with its id once it is durable. */
  async submit(name: string, input?: unknown, options: SubmitOptions = {}): Promise<string> {
    checkFunction(name);
    checkOptions("submit", options, submitOptions);
    const request = await this.requestOf(name, input, options);
    const { id } = await this.client.call({ ...request, waitMs: 0 });
    return String(id);
  }

  /** Waits for the result of a call, 42 or 42_7. A signal ends the wait, not the call. */
  async result<Value = unknown>(
    id: string,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Value> {
    checkCallId(id);
    checkOptions("result", options, { signal: aSignal });
    const { signal } = options;
    for (;;) {
      signal?.throwIfAborted();
      const { outcomes } = await patiently(
        () => this.client.outcomes(id, { tasks: "0", waitMs: maxWaitMs }, signal),
        `gleanerd did not answer for 10 minutes: call ${id} stays in its queue`,
      );
      if (outcomes[0] !== undefined)
        return (await fetchResult(this.client.functions, id, outcomes[0])) as Value;
    }
  }

  /**
   * Calls a function once for each input and yields how each call ended. Reads `inputs` as results
   * are taken; leaving the loop early cancels the calls that have not ended.
   */
  map<Value = unknown>(
    name: string,
    inputs: Inputs,
    options: MapOptions = {},
  ): AsyncGenerator<MapResult<Value>, void, undefined> {
    checkFunction(name);
    checkInputs(inputs);
    checkOptions("map", options, mapOptions);
    return mapCalls(this.client, name, inputs, options) as AsyncGenerator<MapResult<Value>>;
  }

  /**
   * Submits a call for each input, without waiting for results, and yields the arrays that hold
   * them.
   */
  submitMap(
    name: string,
    inputs: Inputs,
    options: Pick<MapOptions, "timeLimitMs"> = {},
  ): AsyncGenerator<SubmittedMap, void, undefined> {
    checkFunction(name);
    checkInputs(inputs);
    checkOptions("submitMap", options, { timeLimitMs: timeMs });
    return submitMap(this.client, name, inputs, options);
  }

  /**
   * Leases workers of a function: calls go to them directly until the lease is ended, by end() or
   * at the end of an `await using`. Rejects with LEASE_NOT_GRANTED.
   */
  async lease(options: LeaseOptions & { readonly retry?: LeaseRetry }): Promise<Lease> {
    // Programs and commands that lease nothing need not wait until this is loaded.
    const { openLease } = await import("./leases/lease.js");
    return openLease({ leases: this.client.leases, invoke: this.invoke.bind(this) }, options);
  }

  /** The request's id leads to the call, whether or not its submission was answered. */
  private async withdraw(request: Asked): Promise<void> {
    const { id } = await this.client.call({ ...request, waitMs: 0 });
    await this.client.cancel({ ids: [String(id)] });
  }

  private async requestOf(
    name: string,
    input: unknown,
    { timeLimitMs, requestId }: SubmitOptions,
  ): Promise<Asked> {
    return {
      requestId: requestId ?? randomUuid(),
      function: name,
      input: await carriable(this.client.functions, input),
      timeLimitMs: timeLimitMs === undefined ? null : Math.ceil(timeLimitMs),
    };
  }
}

type Asked = Omit<LineRequest, "waitMs">;

/** A connection to the gleanerd that the configuration names. Rejects with CONFIG. */
export async function connect(options: ConnectOptions = {}): Promise<Connection> {
  checkOptions("connect", options, connectOptions);
  return new Connection(new GleanerClient(await optionsOf(options), { keepsLine: true }));
}

async function optionsOf({ configFile, address, munge }: ConnectOptions): Promise<TokenOptions> {
  const cacheDirectory = privateDirectory(process.env);
  if (address !== undefined && munge !== undefined)
    return { address, munge, cacheDirectory, cacheKey: "" };
  if (address !== undefined || munge !== undefined)
    throw new GleanerError(
      "CONFIG",
      "connect() needs address and munge together, or neither: then it reads the configuration file",
    );
  const file = configFileOf(configFile, process.env);
  const settings = await readSettings(file, cacheDirectory);
  return {
    address: settings.address,
    munge: settings.munge,
    cacheDirectory,
    cacheKey: settings.configFile,
  };
}
