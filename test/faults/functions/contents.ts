// Large inputs and results as clients send and read them: beside requests and answers, which name
// them by their hashes.

import { isStored, maxInlineBytes } from "../../../src/model/call.js";
import { blobHash } from "../../../src/model/ids.js";
import {
  type CallAnswerText,
  type PayloadText,
  payloadOf,
} from "../../../src/wire/api/payloads.js";
import type { Daemon } from "../site/daemon-host.js";
import type { Person } from "../site/users.js";
import { hashOf } from "./bundles.js";

export const inputType = "application/json";

export const isLarge = (input: Uint8Array): boolean => input.length > maxInlineBytes;

/** PUT /v1/blobs/SHA. */
export async function put(daemon: Daemon, { uid }: Person, bytes: Uint8Array): Promise<string> {
  const sha256 = hashOf(bytes);
  const content = (async function* () {
    yield bytes;
  })();
  const announced = { sha256: blobHash(sha256), bytes: bytes.length };
  await daemon.parts.blobs.write(uid, announced, content);
  return sha256;
}

/** An input as a request has it; a large one is sent first. */
export async function sendable(
  daemon: Daemon,
  caller: Person,
  input: Buffer,
): Promise<PayloadText> {
  if (!isLarge(input)) return { contentType: inputType, text: input.toString() };
  const blob = await put(daemon, caller, input);
  return { contentType: inputType, blob, bytes: input.length };
}

/** The result in an answer, whose content its caller reads if the answer names it; or null. */
export async function textIn(
  daemon: Daemon,
  { uid }: Person,
  answer: CallAnswerText | null,
): Promise<string | null> {
  if (answer?.kind !== "result") return null;
  const payload = payloadOf(answer.payload);
  if (!isStored(payload)) return Buffer.from(payload.body).toString();
  const named = await daemon.parts.blobs.openOwn(uid, payload.blob);
  if (named === null) throw new Error(`the result ${payload.blob} of an answer is not there`);
  const parts: Uint8Array[] = [];
  for await (const part of named.content) parts.push(part);
  return Buffer.concat(parts).toString();
}
