// Inputs and answers of calls as JSON has them: text where the type says so, any other bytes in
// base64. Clients use it too, so it is apart from the shapes, which take long to load.

import { type CallAnswer, isStored, type Payload, type RemoteError } from "../../model/call.js";
import { blobHash } from "../../model/ids.js";

export interface PayloadText {
  readonly contentType: string;
  readonly text?: string;
  readonly base64?: string;
  /** The hash of a content that gleanerd keeps, and its size. */
  readonly blob?: string;
  readonly bytes?: number;
}

export type CallAnswerText =
  | { readonly kind: "result"; readonly payload: PayloadText }
  | { readonly kind: "exception" | "notLoaded"; readonly error: RemoteError };

/** null if the type says that it is no text, or the bytes are none. */
export function textOf(contentType: string, body: Uint8Array): string | null {
  if (!/^(text\/|application\/(json|x-ndjson|xml)\b)/.test(contentType)) return null;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const text = bytes.toString("utf8");
  return Buffer.from(text).equals(bytes) ? text : null;
}

/** For people and programs that read JSON: text where the type says so, else base64. */
export function payloadText(payload: Payload): PayloadText {
  if (isStored(payload)) return payload;
  const { contentType, body } = payload;
  const text = textOf(contentType, body);
  if (text !== null) return { contentType, text };
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return { contentType, base64: bytes.toString("base64") };
}

/** `bytes`: 0 if it names a content without its size. */
export function payloadOf({ contentType, text, base64, blob, bytes = 0 }: PayloadText): Payload {
  if (blob !== undefined) return { contentType, blob: blobHash(blob), bytes };
  const body = text === undefined ? Buffer.from(base64!, "base64") : Buffer.from(text);
  return { contentType, body };
}

export const answerText = (answer: CallAnswer): CallAnswerText =>
  answer.kind === "result"
    ? { kind: "result", payload: payloadText(answer.payload) }
    : { kind: answer.kind, error: answer.error satisfies RemoteError };
