// Inputs and answers of calls as JSON has them: text where the type says so, any other bytes in
// base64. Clients use it too, so it is apart from the shapes, which take long to load.

import type { CallAnswer, Payload, RemoteError } from "../../model/call.js";

export interface PayloadText {
  readonly contentType: string;
  readonly text?: string;
  readonly base64?: string;
}

export type CallAnswerText =
  | { readonly kind: "result"; readonly payload: PayloadText }
  | { readonly kind: "exception" | "notLoaded"; readonly error: RemoteError };

/** For people and programs that read JSON: text where the type says so, else base64. */
export function payloadText({ contentType, body }: Payload): PayloadText {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const isText = /^(text\/|application\/(json|x-ndjson|xml)\b)/.test(contentType);
  const text = isText ? bytes.toString("utf8") : "";
  return isText && Buffer.from(text).equals(bytes)
    ? { contentType, text }
    : { contentType, base64: bytes.toString("base64") };
}

export const payloadOf = ({ contentType, text, base64 }: PayloadText): Payload => ({
  contentType,
  body: text === undefined ? Buffer.from(base64!, "base64") : Buffer.from(text),
});

export const answerText = (answer: CallAnswer): CallAnswerText =>
  answer.kind === "result"
    ? { kind: "result", payload: payloadText(answer.payload) }
    : { kind: answer.kind, error: answer.error satisfies RemoteError };
