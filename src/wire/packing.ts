// Messages as MessagePack and back, in buffers no larger than the message needs; several messages
// share a frame.

import { Packr } from "msgpackr";

/** Plain maps without shared structures: a frame's meaning does not depend on earlier frames. */
const packer = new Packr({ useRecords: false, int64AsType: "number" });

/** Shorter texts fit into the buffer that the packer has, or grows, by itself. */
const longTextLength = 64 * 1024;
/** The most bytes that UTF-8 needs for a UTF-16 code unit; the packer reserves as many. */
const bytesPerCodeUnit = 3;
/** For all else in a message that has a long text. */
const roomBytes = 1024 * 1024;
const usualBytes = 64 * 1024;

/**
 * The message's bytes. A message with a long text is packed in a buffer of its own: the packer
 * would reserve 50 MB for a script of 4 MB, and keep them.
 */
export function pack(message: object): Uint8Array {
  const longLength = longTextsIn(message);
  if (longLength === 0) return packer.pack(message);
  packer.useBuffer(Buffer.allocUnsafeSlow(longLength * bytesPerCodeUnit + roomBytes));
  try {
    return packer.pack(message);
  } finally {
    packer.useBuffer(Buffer.allocUnsafeSlow(usualBytes));
  }
}

/** Throws an error of msgpackr if the bytes are not MessagePack. */
export const unpack = (payload: Uint8Array): unknown => packer.unpack(payload);

/** All messages in a frame, one after another. Throws an error of msgpackr for other bytes. */
export const unpackAll = (payload: Uint8Array): readonly unknown[] =>
  packer.unpackMultiple(payload) as unknown[];

/**
 * The length of all long texts in a message, which is a tree of plain objects and arrays. Bytes
 * have none: to look at each of them takes far longer than to pack them.
 */
function longTextsIn(value: unknown): number {
  if (typeof value === "string") return value.length < longTextLength ? 0 : value.length;
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return 0;
  let length = 0;
  for (const each of Object.values(value)) length += longTextsIn(each);
  return length;
}
