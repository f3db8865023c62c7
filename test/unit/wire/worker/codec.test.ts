// The codec of the worker protocol: the vectors that all runtimes share, streams cut anywhere,
// garbage, and the texts of messages.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { decodeFields, encodeFields, numberField } from "../../../../src/wire/worker/fields.js";
import {
  encodeFrame,
  encodeHead,
  type Frame,
  FrameDecoder,
  FrameError,
  type FrameType,
  frameRules,
  headerBytes,
  wholeFrames,
} from "../../../../src/wire/worker/frame.js";
import {
  type CallHead,
  cut,
  decodeCallHead,
  decodeContentType,
  decodeError,
  decodeHello,
  decodeLoad,
  decodeLogStream,
  encodeCallHead,
  encodeContentType,
  encodeError,
  encodeLoad,
  encodeLogStream,
  type LogStream,
} from "../../../../src/wire/worker/messages.js";

interface Vector {
  readonly name: string;
  readonly type: FrameType;
  readonly id: number;
  readonly hex: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly call?: CallHead;
  readonly contentType?: string;
  readonly stream?: LogStream;
  readonly payload?: string;
}
const { frames, invalid } = JSON.parse(readFileSync("test/vectors/worker/frames.json", "utf8")) as {
  frames: Vector[];
  invalid: { name: string; code: string; hex: string }[];
};

const none = Buffer.alloc(0);
const bytes = (hex: string) => Buffer.from(hex, "hex");

function decodeAll(stream: Buffer, cuts: readonly number[] = []): Frame[] {
  const found: Frame[] = [];
  const decoder = new FrameDecoder(wholeFrames((frame) => found.push(frame)));
  let from = 0;
  for (const to of [...cuts.filter((at) => at < stream.length), stream.length].sort(
    (a, b) => a - b,
  )) {
    decoder.push(stream.subarray(from, to));
    from = to;
  }
  expect(decoder.isBetweenFrames).toBe(true);
  return found;
}

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof FrameError) return thrown.code;
    throw thrown;
  }
  return "fine";
};

describe("the shared vectors", () => {
  test.each(frames)("$name: is decoded", ({ type, id, hex, ...expected }) => {
    const [frame] = decodeAll(bytes(hex));
    expect(frame).toMatchObject({ type, id });
    const { metadata, payload } = frame!;
    if (expected.fields) expect({ ...decodeFields(payload) }).toEqual(expected.fields);
    else expect(payload.toString("hex")).toBe(expected.payload);
    if (expected.call) expect(decodeCallHead(metadata)).toEqual(expected.call);
    if (expected.contentType !== undefined)
      expect(decodeContentType(metadata)).toBe(expected.contentType);
    if (expected.stream) expect(decodeLogStream(metadata)).toBe(expected.stream);
  });

  test.each(frames)(
    "$name: is encoded",
    ({ type, id, hex, fields, call, contentType, stream, payload }) => {
      const body = fields ? encodeFields(fields) : bytes(payload!);
      const metadata = call
        ? encodeCallHead(call)
        : contentType !== undefined
          ? encodeContentType(contentType)
          : stream
            ? encodeLogStream(stream)
            : none;
      const frame = Buffer.concat([encodeHead(type, id, metadata, body.length), body]);
      expect(frame.toString("hex")).toBe(hex);
    },
  );

  test.each(invalid)("$name: is refused", ({ code, hex }) => {
    expect(codeOf(() => decodeAll(bytes(hex)))).toBe(code);
  });

  test("have every type of frame", () => {
    expect(new Set(frames.map(({ type }) => type))).toEqual(new Set(Object.keys(frameRules)));
  });

  test("are read back from one stream, wherever it is cut", () => {
    const stream = Buffer.concat(frames.map(({ hex }) => bytes(hex)));
    const whole = decodeAll(stream);
    expect(whole.map(({ type, id }) => ({ type, id }))).toEqual(
      frames.map(({ type, id }) => ({ type, id })),
    );
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 60 }), (cuts) => {
        expect(decodeAll(stream, cuts)).toEqual(whole);
      }),
    );
    expect(decodeAll(stream, [...stream.keys()])).toEqual(whole);
  });
});

describe("the decoder", () => {
  test("survives any bytes: it decodes them or refuses them by name", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.constantFrom(...frames),
        (noise, { hex }) => {
          const decoder = new FrameDecoder(wholeFrames(() => {}));
          expect(["fine", "GARBAGE", "OVERSIZED"]).toContain(
            codeOf(() => decoder.push(Buffer.concat([bytes(hex), Buffer.from(noise)]))),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  test("hands a payload on before all of it has arrived", () => {
    const pieces: number[] = [];
    let ended = false;
    const decoder = new FrameDecoder({
      onHead: ({ payloadBytes }) => expect(payloadBytes).toBe(1_000_000),
      onPayload: ({ length }) => void pieces.push(length),
      onEnd: () => {
        ended = true;
      },
    });
    decoder.push(encodeHead("result", 1, none, 1_000_000));
    decoder.push(Buffer.alloc(10));
    expect([pieces, ended]).toEqual([[10], false]);
    decoder.push(Buffer.alloc(999_990 + 5));
    expect([pieces, ended, decoder.isBetweenFrames]).toEqual([[10, 999_990], true, false]);
  });

  test("does not keep a large piece in memory for a few bytes of it", () => {
    const large = Buffer.alloc(1_000_000);
    encodeFrame("cancel", 1).copy(large, large.length - headerBytes - 4);
    const decoder = new FrameDecoder(wholeFrames(() => {}));
    decoder.push(large.subarray(large.length - headerBytes - 4, large.length - 6));
    const { partial } = decoder as unknown as { partial: Buffer };
    expect(partial.length).toBe(14);
    expect(partial.buffer).not.toBe(large.buffer);
  });
});

describe("fields", () => {
  test("are read back, whatever their values", () => {
    const value = fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0"));
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z][A-Za-z0-9]{0,20}$/), value), (given) => {
        expect({ ...decodeFields(encodeFields(given)) }).toEqual({ ...given });
      }),
    );
  });

  test.each([
    ["no end", "a=1"],
    ["no name", "=1\0"],
    ["no value", "a\0"],
    ["an invalid name", "A b=1\0"],
    ["a name twice", "a=1\0a=2\0"],
    ["an empty field", "a=1\0\0"],
  ])("with %s are refused", (_what, text) => {
    expect(codeOf(() => decodeFields(Buffer.from(text)))).toBe("GARBAGE");
  });

  test("that are not UTF-8 are refused", () => {
    expect(codeOf(() => decodeFields(Buffer.from([97, 61, 0xff, 0])))).toBe("GARBAGE");
  });

  test.each(["", "-1", "1.5", "1e3", "0x1", "9007199254740993", "99999999999999999"])(
    "with the number '%s' are refused",
    (text) => expect(codeOf(() => numberField({ n: text }, "n"))).toBe("GARBAGE"),
  );

  test("cannot be forged by a NUL byte in a value", () => {
    expect({ ...decodeFields(encodeFields({ message: "a\0kind=exit" })) }).toEqual({
      message: "a kind=exit",
    });
  });

  test("with names of Object's own members are fields like others", () => {
    expect(codeOf(() => decodeFields(Buffer.from("constructor=1\0")))).toBe("fine");
  });
});

describe("messages", () => {
  test("errors are cut to what fits, between characters", () => {
    const long = "ü".repeat(100_000);
    const given = { kind: "exception", type: long, message: long, stack: long } as const;
    const payload = encodeError(given);
    expect(payload.length).toBeLessThan(64 * 1024);
    const { message, stack } = decodeError(payload);
    expect([message.length, stack.length]).toEqual([4_096, 16_384]);
    expect(message).toBe("ü".repeat(4_096));
    expect(cut("aü", 2)).toBe("a");
  });

  test.each([
    ["an error of an unknown kind", () => decodeError(encodeFields({ kind: "mine" }))],
    [
      "an error without a stack",
      () => decodeError(encodeFields({ kind: "exit", type: "a", message: "b" })),
    ],
    ["a hello without versions", () => decodeHello(encodeFields({ runtime: "node" }))],
    ["a load without a directory", () => decodeLoad(encodeFields({ protocolVersion: 1 }))],
    ["a log of a third stream", () => decodeLogStream(Buffer.from([3]))],
    ["a log of two streams", () => decodeLogStream(Buffer.from([1, 1]))],
    ["a call that is too short", () => decodeCallHead(Buffer.alloc(7))],
    ["a content type that is cut off", () => decodeCallHead(Buffer.from([0, 0, 0, 0, 0, 0, 1, 0]))],
    ["a name that is not UTF-8", () => decodeCallHead(Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 255]))],
  ])("%s is refused", (_what, decode) => expect(codeOf(decode)).toBe("GARBAGE"));

  test("a load without a handler is read back", () => {
    const load = {
      protocolVersion: 1,
      directory: "/b",
      handler: undefined,
      concurrency: 1,
      outputLimitBytes: 5,
      logLimitBytes: 6,
      outputType: undefined,
    };
    expect(decodeLoad(encodeLoad(load))).toEqual(load);
  });

  test("texts over their limits are refused before they are sent", () => {
    expect(() => encodeContentType("x".repeat(256))).toThrow(/256 bytes is over the limit of 255/);
  });
});
