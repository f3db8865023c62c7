// The frames of a connection for calls: JSON and bytes, many calls at a time, each with a number.
// An input or result over 64 KiB is a frame of its own behind the one that announces it.

import { maxInlineBytes } from "../../model/call.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import { frameOf } from "../frames.js";

/** What a client asks for with the header Upgrade. */
export const callProtocol = "glean-calls-2";
export const callPath = "/v1/calls";

/** A function's name, a request's id and its limits have less than a tenth of it. */
const maxHeadBytes = 16 * 1024;
const headLengthBytes = 4;
export const maxCallFrameBytes = headLengthBytes + maxHeadBytes + maxInlineBytes;
/** A larger input or result would delay the other calls: it travels beside them, by its hash. */
export const maxCarriedBytes = 4 * 1024 * 1024;
/** An answer may have an exception with its stack, or be a result. */
export const maxAnswerFrameBytes = 4 * 1024 * 1024;

export interface CallFrame {
  /** JSON that was parsed, of any shape. */
  readonly head: unknown;
  readonly payload: Buffer;
}

/** What a head says of the frame behind it: how many bytes of input or result are its content. */
export interface Following {
  readonly followsBytes?: number;
}

const none = new Uint8Array();

export function callFrame(head: object, payload: Uint8Array = none): Buffer {
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.allocUnsafe(headLengthBytes);
  length.writeUInt32BE(text.length);
  return frameOf([length, text, payload]);
}

/** The content of a frame; throws PROTOCOL. */
export function readCallFrame(content: Buffer): CallFrame {
  const end =
    content.length < headLengthBytes
      ? Number.POSITIVE_INFINITY
      : headLengthBytes + content.readUInt32BE();
  if (end > content.length) throw new GleanerError("PROTOCOL", "a frame ends before its head does");
  try {
    const head: unknown = JSON.parse(content.toString("utf8", headLengthBytes, end));
    return { head, payload: content.subarray(end) };
  } catch (cause) {
    throw new GleanerError("PROTOCOL", `the head of a frame is no JSON: ${messageOf(cause)}`);
  }
}
