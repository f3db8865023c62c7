// A map over any number of inputs: arrays of calls behind one iterator, with a bounded number of
// calls between the source and the consumer.

import { setTimeout as pause } from "node:timers/promises";
import { GleanerError } from "../../model/errors.js";
import { maxWaitMs } from "../../wire/api/limits.js";
import type { Outcome } from "../../wire/api/types.js";
import type { GleanerClient } from "../client.js";
import { randomUuid } from "../random.js";
import { patiently } from "../repeat.js";
import { chunksOf, type Item } from "./chunks.js";
import { type Contents, fetchResult, sendable } from "./contents.js";
import type { CallError } from "./errors.js";
import type { Inputs } from "./payloads.js";

export interface MapOptions {
  /** Whether results come in the order of the inputs (the default), or as calls end. */
  readonly inOrder?: boolean;
  /** The most inputs that are read and whose results were not taken; 4,000 if omitted. */
  readonly window?: number;
  /** A shorter limit than the function's own, for each call. */
  readonly timeLimitMs?: number;
  /** Cancels all that was submitted; the iterator throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Hears of each array that holds a part of the map. */
  readonly onSubmitted?: (array: { readonly id: string; readonly tasks: number }) => void;
}

/** How one call of a map ended. `id`: null if its input could not be sent. */
export type MapResult<Value = unknown> = { readonly index: number; readonly id: string | null } & (
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: CallError | GleanerError }
);

/** An array that holds a part of a map; its tasks are numbered from 0. */
export interface SubmittedMap {
  readonly id: string;
  /** The number of its first input among all. */
  readonly first: number;
  readonly tasks: number;
}

/** @internal */
export type MapClient = Pick<GleanerClient, "map" | "outcomes" | "cancel"> & {
  readonly functions: Contents;
};

/** How a call ended; its result is read, and fetched if it is large, once it is taken. */
type Ended = MapResult | { readonly index: number; readonly id: string; readonly outcome: Outcome };

const defaultWindow = 4_000;
const maxTasks = 1_000;
/** Arrays that are waited for, each over a connection of its own. */
const maxOpenArrays = 16;
/** Between two questions for outcomes: those that end meanwhile come in one answer. */
const gatherMs = 10;
const maxNamedIds = 1_000;

/**
 * See Connection.map().
 * @internal
 */
export async function* mapCalls(
  client: MapClient,
  name: string,
  inputs: Inputs,
  options: MapOptions = {},
): AsyncGenerator<MapResult, void, undefined> {
  options.signal?.throwIfAborted();
  const run = new MapRun(client, name, options);
  const abort = () => run.fail(options.signal?.reason);
  options.signal?.addEventListener("abort", abort);
  try {
    run.start(inputs);
    for (let next = await run.next(); next !== null; next = await run.next()) yield next;
  } finally {
    options.signal?.removeEventListener("abort", abort);
    await run.stop();
  }
}

/**
 * See Connection.submitMap().
 * @internal
 */
export async function* submitMap(
  client: Pick<MapClient, "map" | "functions">,
  name: string,
  inputs: Inputs,
  { timeLimitMs = null }: { readonly timeLimitMs?: number | null } = {},
): AsyncGenerator<SubmittedMap, void, undefined> {
  const refused = (index: number, { code, message }: GleanerError): never => {
    throw new GleanerError(code, `input ${index}: ${message}`);
  };
  const { signal } = new AbortController();
  const reading = {
    ...{ signal, most: () => maxTasks, room: () => null, refused },
    sendable: (input: unknown) => sendable(client.functions, input),
  };
  for await (const chunk of chunksOf(inputs, reading)) {
    const payloads = chunk.map(({ payload }) => payload);
    const request = { requestId: randomUuid(), function: name, inputs: payloads, timeLimitMs };
    const { id, tasks } = await client.map(request);
    yield { id: String(id), first: chunk[0]!.index, tasks };
  }
}

class MapRun {
  private readonly stopped = new AbortController();
  private readonly open = new Set<string>();
  private readonly ended = new Map<number, Ended>();
  private bell: (() => void)[] = [];
  private failure: { readonly reason: unknown } | null = null;
  private tasksAtOnce = maxTasks;
  private read = 0;
  private taken = 0;
  private isRead = false;
  private sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly client: MapClient,
    private readonly name: string,
    private readonly options: MapOptions,
  ) {}

  start(inputs: Inputs): void {
    this.feed(inputs).catch((reason) => this.fail(reason));
  }

  fail(reason: unknown): void {
    this.failure ??= { reason };
    this.stopped.abort();
    this.ring();
  }

  /** The next result for the consumer; null after the last one. */
  async next(): Promise<MapResult | null> {
    for (;;) {
      if (this.failure !== null) throw this.failure.reason;
      const found = this.take();
      if (found !== null)
        return "outcome" in found ? resultFrom(this.client.functions, found) : found;
      if (this.isRead && this.taken === this.read) return null;
      await this.rung();
    }
  }

  /** Cancels what has not ended: after the last result there is nothing. */
  async stop(): Promise<void> {
    this.stopped.abort();
    this.ring();
    // Only then all ids are known.
    await this.sending.catch(() => undefined);
    const ids = [...this.open];
    for (let at = 0; at < ids.length; at += maxNamedIds)
      await this.client.cancel({ ids: ids.slice(at, at + maxNamedIds) });
  }

  private take(): Ended | null {
    const { inOrder = true } = this.options;
    const index = inOrder ? this.taken : (this.ended.keys().next().value ?? -1);
    const found = this.ended.get(index);
    if (found === undefined) return null;
    this.ended.delete(index);
    this.taken++;
    this.ring();
    return found;
  }

  private async feed(inputs: Inputs): Promise<void> {
    const { window = defaultWindow } = this.options;
    const { signal } = this.stopped;
    const mayRead = () => this.read - this.taken < window;
    const chunks = chunksOf(inputs, {
      signal,
      most: () => this.tasksAtOnce,
      room: () => {
        if (!signal.aborted && !mayRead()) return this.rung();
        this.read++;
        return null;
      },
      refused: (index, error) => this.end({ index, id: null, ok: false, error }),
      sendable: (input) => sendable(this.client.functions, input),
    });
    for await (const chunk of chunks) {
      while (this.open.size >= maxOpenArrays && !signal.aborted) await this.rung();
      if (signal.aborted) return;
      this.sending = this.send(chunk);
      await this.sending;
    }
    if (signal.aborted) return;
    // The reading of the end counted as one.
    this.read--;
    this.isRead = true;
    this.ring();
  }

  /** Submits a chunk once: a broken connection repeats the request with its id. */
  private async send(chunk: readonly Item[]): Promise<void> {
    const { timeLimitMs = null, onSubmitted } = this.options;
    const request = {
      requestId: randomUuid(),
      function: this.name,
      inputs: chunk.map(({ payload }) => payload),
      timeLimitMs,
    };
    for (;;) {
      try {
        const isKnown = this.open.size > 0 || this.taken > 0;
        const ask = () => this.client.map(request);
        const { id, tasks } = await (isKnown
          ? patiently(ask, unreachable, this.stopped.signal)
          : ask());
        this.open.add(String(id));
        onSubmitted?.({ id: String(id), tasks });
        this.collect(String(id), chunk).catch((reason) => this.fail(reason));
        return;
      } catch (error) {
        if (!(error instanceof GleanerError) || error.code !== "LIMIT_REACHED") throw error;
        // The queue is full: with our own calls, or this request is too large for it.
        if (this.stopped.signal.aborted) return;
        if (this.open.size > 0) await this.rung();
        else if (chunk.length === 1) throw error;
        else return this.sendInHalves(chunk);
      }
    }
  }

  private async sendInHalves(chunk: readonly Item[]): Promise<void> {
    this.tasksAtOnce = Math.ceil(chunk.length / 2);
    await this.send(chunk.slice(0, this.tasksAtOnce));
    await this.send(chunk.slice(this.tasksAtOnce));
  }

  /** Asks for the outcomes of an array until it has all of them. */
  private async collect(id: string, chunk: readonly Item[]): Promise<void> {
    const { signal } = this.stopped;
    const left = new Set(chunk.keys());
    while (left.size > 0 && !signal.aborted) {
      const query = { tasks: rangesOf([...left]), waitMs: maxWaitMs };
      const { outcomes } = await patiently(
        () => this.client.outcomes(id, query, signal),
        unreachable,
      );
      for (const outcome of outcomes)
        if (left.delete(outcome.task))
          this.end({ index: chunk[outcome.task]!.index, id: `${id}_${outcome.task}`, outcome });
      if (left.size > 0) await pause(gatherMs, undefined, { signal });
    }
    this.open.delete(id);
    this.ring();
  }

  private end(result: Ended): void {
    this.ended.set(result.index, result);
    this.ring();
  }

  private rung(): Promise<void> {
    return new Promise((resolve) => this.bell.push(resolve));
  }

  private ring(): void {
    const waiting = this.bell;
    this.bell = [];
    for (const each of waiting) each();
  }
}

const unreachable =
  "gleanerd did not answer for 10 minutes: calls that were submitted stay in its queue (glean queue --me)";

async function resultFrom(
  contents: Contents,
  { index, id, outcome }: Extract<Ended, { outcome: Outcome }>,
): Promise<MapResult> {
  try {
    return { index, id, ok: true, value: await fetchResult(contents, id, outcome) };
  } catch (error) {
    return { index, id, ok: false, error: error as CallError };
  }
}

/** `0-2,7`; `numbers` ascend. */
function rangesOf(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
}
