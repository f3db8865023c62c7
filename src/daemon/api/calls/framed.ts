// Calls and their answers as the frames of a connection have them.

import type { z } from "zod";
import { isStored, maxInlineBytes } from "../../../model/call.js";
import { GleanerError } from "../../../model/errors.js";
import { maxCarriedBytes } from "../../../wire/api/call-frames.js";
import type { callInFrame } from "../../../wire/api/shapes/calls.js";
import type { Answered } from "./synchronous.js";

export type Called = z.output<typeof callInFrame>;

/** Throws PROTOCOL: where the next frame ends must be known. */
export function checkFollowing(bytes: number): void {
  if (!Number.isSafeInteger(bytes) || bytes <= maxInlineBytes || bytes > maxCarriedBytes)
    throw new GleanerError(
      "PROTOCOL",
      `an input of its own frame must have ${maxInlineBytes + 1} to ${maxCarriedBytes} bytes`,
    );
}

/** The call in a frame whose payload is its input, unless it names one. */
export function askedIn(
  { call: _, followsBytes: _bytes, input, ...asked }: Called,
  payload: Buffer,
) {
  const { contentType, blob } = input;
  if (blob === undefined) return { ...asked, input: { contentType, body: payload } };
  // The size is in gleanerd's own record.
  return { ...asked, input: { contentType, blob: blob as never, bytes: 0 } };
}

/** A result of at most 64 KiB is the frame's payload. */
export function frameOf(
  call: number,
  { answer, ...answered }: Omit<Answered, "content">,
): [object, Uint8Array?] {
  if (answer?.kind !== "result" || isStored(answer.payload)) return [{ call, ...answered, answer }];
  const { contentType, body } = answer.payload;
  return [{ call, ...answered, answer: { kind: "result", payload: { contentType } } }, body];
}
