// Submits a map without waiting for its results.

import { GleanerError } from "../../model/errors.js";
import { framed } from "./contents.js";
import type { MapClient } from "./map.js";
import { maxPartInputs, partsOf, type Reading } from "./parts.js";
import type { Inputs } from "./payloads.js";
import { sendPart } from "./send-part.js";

/** An array that holds a part of a map; its tasks are numbered from 0. */
export interface SubmittedMap {
  readonly id: string;
  /** The number of its first input among all. */
  readonly first: number;
  readonly tasks: number;
}

/** What is only submitted is waited for longer, but less long than gleanerd waits for a byte. */
const submitPatienceMs = 10_000;
/**
 * See Connection.submitMap().
 * @internal
 */
export async function* submitMap(
  client: Pick<MapClient, "streamMap" | "functions">,
  name: string,
  inputs: Inputs,
  { timeLimitMs = null }: { readonly timeLimitMs?: number | null } = {},
): AsyncGenerator<SubmittedMap, void, undefined> {
  const refused = (index: number, { code, message }: GleanerError): never => {
    throw new GleanerError(code, `input ${index}: ${message}`);
  };
  const { signal } = new AbortController();
  const reading: Reading = {
    ...{
      signal,
      most: () => maxPartInputs,
      room: () => null,
      patienceMs: submitPatienceMs,
      refused,
    },
    framed: (input: unknown) => framed(client.functions, input),
  };
  for await (const part of partsOf(inputs, reading)) {
    const { id, tasks } = await sendPart(client, { function: name, timeLimitMs }, part, signal);
    yield { id: String(id), first: part.first, tasks };
  }
}
