// A map over any number of inputs: each part of it is one request, and its results come page by
// page behind one iterator.

import { GleanerError } from "../../model/errors.js";
import { maxNamedIds } from "../../wire/api/limits.js";
import type { GleanerClient } from "../client.js";
import { type Contents, fetchResult, framed } from "./contents.js";
import type { CallError } from "./errors.js";
import { type EndedCall, type MapOrder, PartRun } from "./part-run.js";
import { maxPartInputs, type Part, partsOf } from "./parts.js";
import type { Inputs } from "./payloads.js";
import { sendPart } from "./send-part.js";

export interface MapOptions {
  /** Results in the order of the inputs (if omitted), or as calls end. */
  readonly order?: MapOrder;
  /**
   * The most inputs that are read and whose results were not taken. If omitted, all inputs of an
   * array, a Set or a Map, and 4,000 of any other source.
   */
  readonly window?: number;
  /**
   * A source that gives no input for this time is not waited for: what it gave runs. 20 ms if
   * omitted.
   */
  readonly patienceMs?: number;
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

/** @internal */
export type MapClient = Pick<GleanerClient, "streamMap" | "results" | "outcomes" | "cancel"> & {
  readonly functions: Contents;
};

/** An input that could not be sent. */
interface RefusedInput {
  readonly index: number;
  readonly id: null;
  readonly ok: false;
  readonly error: GleanerError;
}

/**
 * How a call of a map ended, with its result as it came.
 * @internal
 */
export type MapEnd = EndedCall | RefusedInput;

const defaultWindow = 4_000;
const defaultPatienceMs = 20;
/** Parts that are waited for, each over a connection of its own. */
const maxOpenParts = 16;

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
  for await (const end of mapEnds(client, name, inputs, options))
    yield "outcome" in end ? await resultFrom(client.functions, end) : end;
}

/**
 * As mapCalls(), with results as they came.
 * @internal
 */
export async function* mapEnds(
  client: MapClient,
  name: string,
  inputs: Inputs,
  options: MapOptions = {},
): AsyncGenerator<MapEnd, void, undefined> {
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

class MapRun {
  private readonly stopped = new AbortController();
  /** In the order of their inputs. */
  private parts: PartRun[] = [];
  private readonly refused = new Map<number, RefusedInput>();
  private bell: (() => void)[] = [];
  private failure: { readonly reason: unknown } | null = null;
  private tasksAtOnce = maxPartInputs;
  private window = defaultWindow;
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
    this.window =
      this.options.window ?? (isCounted(inputs) ? Number.POSITIVE_INFINITY : defaultWindow);
    this.feed(inputs).catch((reason) => this.fail(reason));
  }

  fail(reason: unknown): void {
    this.failure ??= { reason };
    this.stopped.abort();
    this.ring();
  }

  /** The next result for the consumer; null after the last one. */
  async next(): Promise<MapEnd | null> {
    for (;;) {
      if (this.failure !== null) throw this.failure.reason;
      this.dropOver();
      const found = this.take();
      if (found !== null) {
        this.taken++;
        this.ring();
        return found;
      }
      if (this.isRead && this.parts.length === 0 && this.refused.size === 0) return null;
      await this.rung();
    }
  }

  /** Cancels what has not ended: after the last result there is nothing. */
  async stop(): Promise<void> {
    this.stopped.abort();
    this.ring();
    // Only then all ids are known.
    await this.sending.catch(() => undefined);
    const ids = this.parts.filter(({ isComplete }) => !isComplete).map(({ id }) => id);
    for (let at = 0; at < ids.length; at += maxNamedIds)
      await this.client.cancel({ ids: ids.slice(at, at + maxNamedIds) });
  }

  private take(): MapEnd | null {
    const { order = "input" } = this.options;
    const refusedAt = order === "input" ? this.taken : this.refused.keys().next().value;
    const refused = refusedAt === undefined ? undefined : this.refused.get(refusedAt);
    if (refused !== undefined) {
      this.refused.delete(refused.index);
      return refused;
    }
    const ready = order === "ended" ? this.parts.find(({ hasReady }) => hasReady) : this.parts[0];
    return ready?.hasReady === true ? ready.take() : null;
  }

  /** Tasks whose records were removed for their age have no results: they count as taken. */
  private dropOver(): void {
    const over = this.parts.filter(({ isOver }) => isOver);
    if (over.length === 0) return;
    for (const { part, given } of over) this.taken += part.count - given;
    this.parts = this.parts.filter(({ isOver }) => !isOver);
    this.ring();
  }

  private async feed(inputs: Inputs): Promise<void> {
    const { patienceMs = defaultPatienceMs } = this.options;
    const { signal } = this.stopped;
    const parts = partsOf(inputs, {
      signal,
      patienceMs,
      most: () => this.tasksAtOnce,
      room: () => {
        if (!signal.aborted && this.read - this.taken >= this.window) return this.rung();
        this.read++;
        return null;
      },
      refused: (index, error) => {
        this.refused.set(index, { index, id: null, ok: false, error });
        this.ring();
      },
      framed: (input) => framed(this.client.functions, input),
    });
    for await (const part of parts) {
      while (this.parts.length >= maxOpenParts && !signal.aborted) await this.rung();
      if (signal.aborted) return;
      this.sending = this.send(part);
      await this.sending;
      if (part.failure !== null) throw part.failure.reason;
    }
    if (signal.aborted) return;
    this.isRead = true;
    this.ring();
  }

  /** Submits a part once. */
  private async send(part: Part): Promise<void> {
    const { timeLimitMs = null, onSubmitted } = this.options;
    const { signal } = this.stopped;
    for (;;) {
      try {
        const asked = { function: this.name, timeLimitMs };
        const isKnown = this.parts.length > 0 || this.taken > 0;
        const { id, tasks } = await sendPart(this.client, asked, part, signal, isKnown);
        // Every input of it was refused.
        if (tasks === 0) return;
        const run = new PartRun(String(id), part);
        this.parts.push(run);
        onSubmitted?.({ id: run.id, tasks });
        this.collect(run);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof GleanerError) || error.code !== "LIMIT_REACHED") throw error;
        // The queue is full: with our own calls, or this part is too large for it.
        if (!part.canRepeat) throw error;
        if (this.parts.some(({ isComplete }) => !isComplete)) await this.rung();
        else return this.sendHalves(part, error);
      }
    }
  }

  private async sendHalves(part: Part, error: GleanerError): Promise<void> {
    const halves = await part.halves();
    if (halves === null) throw error;
    this.tasksAtOnce = halves[0].count;
    for (const half of halves) await this.send(half);
  }

  private collect(run: PartRun): void {
    run
      .collect({
        client: this.client,
        order: this.options.order ?? "input",
        signal: this.stopped.signal,
        taken: () => this.rung(),
        arrived: () => this.ring(),
      })
      .catch((reason) => this.fail(reason));
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

/** Whether the number of inputs is known, so that reading them all ends. */
const isCounted = (inputs: Inputs): boolean =>
  Array.isArray(inputs) || inputs instanceof Set || inputs instanceof Map;

async function resultFrom(
  contents: Contents,
  { index, id, outcome }: EndedCall,
): Promise<MapResult> {
  try {
    return { index, id, ok: true, value: await fetchResult(contents, id, outcome) };
  } catch (error) {
    return { index, id, ok: false, error: error as CallError };
  }
}
