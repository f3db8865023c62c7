// A map over a lease: as many calls at once as fit into a window, results in the order of inputs.

import { setMaxListeners } from "node:events";
import { GleanerError, messageOf } from "../../model/errors.js";
import { CallError } from "../calls/errors.js";
import type { MapResult } from "../calls/map.js";
import type { Inputs } from "../calls/payloads.js";
import type { LeaseInvokeOptions, LeaseMapOptions } from "./options.js";

const defaultWindow = 256;

export async function* mapOver<Value>(
  invoke: (input: unknown, limits: LeaseInvokeOptions) => Promise<Value>,
  idOf: (index: number) => string,
  inputs: Inputs,
  { window = defaultWindow, signal, ...limits }: LeaseMapOptions,
): AsyncGenerator<MapResult<Value>, void, undefined> {
  const left = new AbortController();
  const either = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
  // Each call in the window listens.
  setMaxListeners(0, either);
  const ends: Promise<MapResult<Value>>[] = [];
  let index = 0;
  try {
    for await (const input of inputs) {
      signal?.throwIfAborted();
      ends.push(ended(invoke(input, { ...limits, signal: either }), index, idOf(index)));
      index++;
      if (ends.length >= Math.max(1, window)) yield await ends.shift()!;
    }
    for (let next = ends.shift(); next !== undefined; next = ends.shift()) yield await next;
  } finally {
    left.abort(new GleanerError("BAD_REQUEST", "the loop over the results was left"));
    signal?.throwIfAborted();
  }
}

async function ended<Value>(
  result: Promise<Value>,
  index: number,
  id: string,
): Promise<MapResult<Value>> {
  try {
    return { index, id, ok: true, value: await result };
  } catch (error) {
    const isKnown = error instanceof CallError || error instanceof GleanerError;
    const known = isKnown ? error : new CallError("FAILED", id, messageOf(error));
    return { index, id, ok: false, error: known };
  }
}
