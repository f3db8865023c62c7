// The inputs of a map as a stream of frames, which may hold any bytes: clients send them, and
// gleanerd keeps them so. A frame has a head of six bytes, a content type and a body.

import { type InlinePayload, isStored, maxInlineBytes, type Payload } from "../../model/call.js";
import { GleanerError } from "../../model/errors.js";
import { blobHash } from "../../model/ids.js";

/** What a request says that it sends. */
export const framesType = "application/vnd.gleaner.inputs";
export const linesType = "application/x-ndjson";

/** The kind, the length of the content type, and the length of the body in four bytes. */
const headBytes = 6;
/** The body is the input, or the hash of a content that is the input. */
const kinds = { inline: 0, content: 1 } as const;
const hashShape = /^[0-9a-f]{64}$/;
const typeShape = /^[\x20-\x7e]*$/;

export function frameOf(input: Payload): Buffer {
  const isContent = isStored(input);
  const body = isContent ? Buffer.from(input.blob, "latin1") : input.body;
  const { contentType } = input;
  const frame = Buffer.allocUnsafe(headBytes + contentType.length + body.length);
  frame.writeUInt8(isContent ? kinds.content : kinds.inline, 0);
  frame.writeUInt8(contentType.length, 1);
  frame.writeUInt32BE(body.length, 2);
  frame.write(contentType, headBytes, "latin1");
  frame.set(body, headBytes + contentType.length);
  return frame;
}

/** Reads one frame that was checked before. The size of a content is not in it. */
export function inputIn(frame: Buffer): Payload {
  const at = headBytes + frame.readUInt8(1);
  const contentType = frame.toString("latin1", headBytes, at);
  const body = frame.subarray(at);
  if (frame.readUInt8(0) === kinds.inline) return { contentType, body } satisfies InlinePayload;
  return { contentType, blob: blobHash(body.toString("latin1")), bytes: 0 };
}

/** Cuts a stream of frames into whole ones; throws BAD_REQUEST for what is none. */
export class FrameReader {
  private rest: Buffer = Buffer.alloc(0);
  private count = 0;

  take(chunk: Uint8Array): Buffer[] {
    const bytes = Buffer.concat([this.rest, chunk]);
    const frames: Buffer[] = [];
    let at = 0;
    while (bytes.length - at >= headBytes) {
      const length = this.lengthAt(bytes, at);
      if (bytes.length - at < length) break;
      frames.push(this.checked(bytes.subarray(at, at + length)));
      at += length;
      this.count++;
    }
    this.rest = bytes.subarray(at);
    return frames;
  }

  end(): Buffer[] {
    if (this.rest.length > 0) throw this.bad("is cut off");
    return [];
  }

  private lengthAt(bytes: Buffer, at: number): number {
    const kind = bytes.readUInt8(at);
    const body = bytes.readUInt32BE(at + 2);
    if (kind !== kinds.inline && kind !== kinds.content) throw this.bad(`has the kind ${kind}`);
    if (body > maxInlineBytes) throw tooLarge(`input ${this.count}`, body);
    return headBytes + bytes.readUInt8(at + 1) + body;
  }

  private checked(frame: Buffer): Buffer {
    const at = headBytes + frame.readUInt8(1);
    if (!typeShape.test(frame.toString("latin1", headBytes, at)))
      throw this.bad("has a content type that is not printable ASCII");
    const isContent = frame.readUInt8(0) === kinds.content;
    if (isContent && !hashShape.test(frame.toString("latin1", at)))
      throw this.bad("names no content: expected a SHA-256 in 64 hexadecimal digits");
    return frame;
  }

  private bad(what: string): GleanerError {
    return new GleanerError(
      "BAD_REQUEST",
      `input ${this.count} ${what}: send frames as the API has them`,
    );
  }
}

export const tooLarge = (what: string, bytes: number): GleanerError =>
  new GleanerError(
    "LIMIT_REACHED",
    `${what} has ${bytes} bytes and the limit is ${maxInlineBytes}: send it as a content first (PUT /v1/blobs), and name its hash in a frame`,
  );
