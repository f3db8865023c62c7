// Inputs and results over 64 KiB: they travel beside requests and answers, which name their hashes.

import { maxInlineBytes } from "../../model/call.js";
import { GleanerError } from "../../model/errors.js";
import { maxCarriedBytes } from "../../wire/api/call-frames.js";
import { frameOf } from "../../wire/api/input-frames.js";
import { payloadOf } from "../../wire/api/payloads.js";
import type { Outcome, PayloadText } from "../../wire/api/types.js";
import type { FunctionsClient } from "../functions/client.js";
import type { CarriedInput } from "../line/carried-input.js";
import { CallError, resultOf } from "./errors.js";
import { bytesOf, contentOf, encode, sizeOf } from "./payloads.js";

/** @internal */
export type Contents = Pick<FunctionsClient, "putBlob" | "getBlob">;

/** One write to the connection. */
const chunkBytes = 256 * 1024;

/**
 * An input as a request has it. A large one is sent first.
 * @internal
 */
export async function sendable(contents: Contents, input: unknown): Promise<PayloadText> {
  const content = contentOf(input);
  if (sizeOf(content) <= maxInlineBytes) return encode(content);
  const { contentType } = content;
  const whole = bytesOf(content);
  // Most programs and commands send none: they need not wait until this is loaded.
  const { createHash } = await import("node:crypto");
  const sha256 = createHash("sha256").update(whole).digest("hex");
  const bytes = whole.length;
  await contents.putBlob(sha256, { bytes, open: () => chunksOf(whole) });
  return { contentType, blob: sha256, bytes };
}

/**
 * An input as a call has it that may travel on a connection for calls: a large one goes with it.
 * @internal
 */
export async function carriable(
  contents: Contents,
  input: unknown,
): Promise<PayloadText | CarriedInput> {
  const content = contentOf(input);
  const bytes = sizeOf(content);
  if (bytes <= maxInlineBytes || bytes > maxCarriedBytes) return sendable(contents, content);
  const { contentType } = content;
  return { contentType, body: bytesOf(content), named: () => sendable(contents, content) };
}

/**
 * An input as a frame of a map. A large one is sent first.
 * @internal
 */
export function framed(contents: Contents, input: unknown): Buffer | Promise<Buffer> {
  const content = contentOf(input);
  if (sizeOf(content) > maxInlineBytes) return sendable(contents, content).then(frameOfPayload);
  return frameOf({ contentType: content.contentType, body: bytesOf(content) });
}

const frameOfPayload = (payload: PayloadText): Buffer => frameOf(payloadOf(payload));

async function* chunksOf(whole: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < whole.length; at += chunkBytes) yield whole.subarray(at, at + chunkBytes);
}

/**
 * What an answer names by its hash; undefined if it names nothing.
 * @internal
 */
export async function contentIn(
  contents: Contents,
  id: string,
  answer: Outcome["answer"],
): Promise<Uint8Array | undefined> {
  const blob = answer?.kind === "result" ? answer.payload.blob : undefined;
  if (blob === undefined) return undefined;
  try {
    return await contents.getBlob(blob);
  } catch (error) {
    if (!(error instanceof GleanerError) || error.code !== "NOT_FOUND") throw error;
    throw new CallError("RESULT_REMOVED", id, `the result of call ${id} was removed for its age`);
  }
}

/**
 * As resultOf(), for results of every size. `content`: one that came with its answer.
 * @internal
 */
export async function fetchResult(
  contents: Contents,
  id: string,
  ended: Pick<Outcome, "state" | "reason" | "answer">,
  content?: Uint8Array,
): Promise<unknown> {
  return resultOf(id, ended, content ?? (await contentIn(contents, id, ended.answer)));
}
