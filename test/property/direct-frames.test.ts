// The reader of the direct path: whatever frames are sent come out the same from whatever pieces
// they arrive in, and with whatever is done to their bytes, they are refused or within limits.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  DirectDecoder,
  type DirectType,
  directRules,
  encodeDirectHead,
  maxHandshakeBytes,
} from "../../src/wire/direct/frame.js";
import {
  decodeAccepted,
  decodeClientHello,
  decodeClientProof,
  decodeRefused,
  decodeWorkerHello,
} from "../../src/wire/direct/messages.js";
import { DirectReader } from "../../src/wire/direct/reader.js";
import { FrameError, wholeFrames } from "../../src/wire/worker/framing.js";
import { decodeCallHead, decodeError } from "../../src/wire/worker/messages.js";

interface Sent {
  readonly type: DirectType;
  readonly id: number;
  readonly metadata: Buffer;
  readonly payload: Buffer;
}

const bytesUpTo = (limit: number) =>
  fc.oneof(
    fc.uint8Array({ maxLength: Math.min(limit, 40) }).map((bytes) => Buffer.from(bytes)),
    fc.integer({ min: 0, max: Math.min(limit, 100_000) }).map((size) => Buffer.alloc(size, "x")),
  );
const frame: fc.Arbitrary<Sent> = fc
  .constantFrom(...(Object.keys(directRules) as DirectType[]))
  .chain((type) => {
    const rule = directRules[type];
    const id = rule.id === "none" ? fc.constant(0) : fc.integer({ min: 1, max: 2 ** 40 });
    const [metadata, payload] = [bytesUpTo(rule.metadataBytes), bytesUpTo(rule.payloadBytes)];
    return fc.record({ type: fc.constant(type), id, metadata, payload });
  });
const frames = fc.array(frame, { minLength: 1, maxLength: 6 });
/** Sizes of pieces, over and over. */
const pieces = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 });

const bytesOf = (sent: readonly Sent[]): Buffer =>
  Buffer.concat(
    sent.flatMap(({ type, id, metadata, payload }) => [
      encodeDirectHead(type, id, metadata, payload.length),
      payload,
    ]),
  );

/** Reads as a socket does: to where the reader says, as much as has arrived. */
function readBy(reader: DirectReader, bytes: Buffer, sizes: readonly number[]): void {
  let turn = 0;
  for (let at = 0; at < bytes.length; turn++) {
    const space = reader.space();
    const count = Math.min(space.length, sizes[turn % sizes.length]!, bytes.length - at);
    bytes.copy(space, 0, at, at + count);
    reader.arrived(count, space);
    at += count;
  }
}

function pushTo(reader: DirectReader, bytes: Buffer, sizes: readonly number[]): void {
  let turn = 0;
  for (let at = 0; at < bytes.length; at += sizes[turn++ % sizes.length]!)
    reader.push(bytes.subarray(at, at + sizes[turn % sizes.length]!));
}

/** What came out before the bytes were refused, if they were; another error fails the test. */
function outOf(feed: (reader: DirectReader) => void, limitBytes?: number): Sent[] {
  const out: Sent[] = [];
  const reader = new DirectReader(({ type, id, metadata, payload }) => {
    out.push({ type, id, metadata: Buffer.from(metadata), payload: Buffer.from(payload) });
  }, limitBytes);
  try {
    feed(reader);
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
  }
  return out;
}

const digests = (all: readonly Sent[]) =>
  all.map(({ type, id, metadata, payload }) => [
    ...[type, id, metadata.toString("hex"), payload.length],
    payload.subarray(0, 64).toString("hex"),
  ]);

describe("frames of the direct path", () => {
  test("come out as they were sent, from any pieces", () => {
    fc.assert(
      fc.property(frames, pieces, (sent, sizes) => {
        const bytes = bytesOf(sent);
        const expected = digests(sent);
        expect(digests(outOf((reader) => readBy(reader, bytes, sizes)))).toEqual(expected);
        expect(digests(outOf((reader) => pushTo(reader, bytes, [sizes[0]!])))).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  test("with changed bytes are refused, or are those that the other decoder finds", () => {
    const change = fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(frames, fc.array(change, { minLength: 1 }), pieces, (sent, changes, sizes) => {
        const bytes = bytesOf(sent);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        const others: Sent[] = [];
        try {
          new DirectDecoder(wholeFrames((each) => others.push(each))).push(bytes);
        } catch (error) {
          if (!(error instanceof FrameError)) throw error;
        }
        const out = outOf((reader) => readBy(reader, bytes, sizes));
        expect(digests(out)).toEqual(digests(others));
        // A stranger's frame is never longer than a handshake's.
        const strangers = outOf((reader) => readBy(reader, bytes, sizes), maxHandshakeBytes);
        for (const { metadata, payload } of strangers)
          expect(metadata.length + payload.length).toBeLessThanOrEqual(maxHandshakeBytes);
      }),
      { numRuns: 300 },
    );
  });

  test("have messages that are read or refused, never anything else", () => {
    const fields = fc.stringMatching(/^(version=[12]|worker=1\.1|code=FULL|kind=exit|[a-z]=)$/);
    const text = fc.array(fields).map((each) => each.map((one) => `${one}\0`).join(""));
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      text.map((each) => Buffer.from(each)),
    );
    const decoders = [
      ...[decodeClientHello, decodeWorkerHello, decodeClientProof, decodeAccepted, decodeRefused],
      ...[decodeError, (payload: Uint8Array) => decodeCallHead(Buffer.from(payload))],
    ];
    fc.assert(
      fc.property(bytes, (payload) => {
        for (const decode of decoders)
          try {
            decode(payload);
          } catch (error) {
            expect(error).toBeInstanceOf(FrameError);
          }
      }),
      { numRuns: 300 },
    );
  });
});
