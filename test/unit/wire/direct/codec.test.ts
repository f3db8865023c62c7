// The codec of the direct path: the vectors that all sides share, the handshake's proofs, and what
// its messages must not hold.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import {
  DirectDecoder,
  type DirectType,
  directRules,
  encodeDirectFrame,
  encodeDirectHead,
} from "../../../../src/wire/direct/frame.js";
import {
  decodeAccepted,
  decodeClientHello,
  decodeClientProof,
  decodeReason,
  decodeRefused,
  decodeWorkerHello,
  encodeAccepted,
  encodeClientHello,
  encodeClientProof,
  encodeReason,
  encodeRefused,
  encodeWorkerHello,
} from "../../../../src/wire/direct/messages.js";
import { isProof, newNonce, proofOf, type Side } from "../../../../src/wire/direct/proofs.js";
import { decodeFields, encodeFields } from "../../../../src/wire/worker/fields.js";
import { type Frame, FrameError, wholeFrames } from "../../../../src/wire/worker/framing.js";
import { type CallHead, decodeCallHead } from "../../../../src/wire/worker/messages.js";
import { decodeTerminating, encodeTerminating } from "../../../../src/wire/worker/serving.js";

interface Vector {
  readonly name: string;
  readonly type: DirectType;
  readonly id: number;
  readonly hex: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly call?: CallHead;
  readonly payload?: string;
}
const read = (file: string) => JSON.parse(readFileSync(`test/vectors/direct/${file}`, "utf8"));
const { frames, invalid } = read("frames.json") as {
  frames: Vector[];
  invalid: { name: string; code: string; hex: string }[];
};
const { proofs, refused } = read("handshake.json");

function decodeAll(hex: string): Frame<DirectType>[] {
  const found: Frame<DirectType>[] = [];
  new DirectDecoder(wholeFrames((frame) => found.push(frame))).push(Buffer.from(hex, "hex"));
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
  test.each(frames)("$name: is decoded and encoded", ({ type, id, hex, fields, call, payload }) => {
    const [frame] = decodeAll(hex);
    expect(frame).toMatchObject({ type, id });
    if (fields) expect({ ...decodeFields(frame!.payload) }).toEqual(fields);
    else expect(frame!.payload.toString("hex")).toBe(payload);
    if (call) expect(decodeCallHead(frame!.metadata)).toEqual(call);
    const head = encodeDirectHead(type, id, frame!.metadata, frame!.payload.length);
    expect(Buffer.concat([head, frame!.payload]).toString("hex")).toBe(hex);
  });

  test.each(invalid)("$name: is refused", ({ code, hex }) => {
    expect(codeOf(() => decodeAll(hex))).toBe(code);
  });

  test("have every type of frame", () => {
    expect(new Set(frames.map(({ type }) => type))).toEqual(new Set(Object.keys(directRules)));
  });
});

describe("the proofs", () => {
  test.each(proofs as Record<string, string>[])("$name: are those of the vector", (vector) => {
    const key = Buffer.from(vector.key!, "hex");
    const { worker, clientNonce, workerNonce } = vector;
    const over = { worker: worker!, clientNonce: clientNonce!, workerNonce: workerNonce! };
    expect(proofOf("worker", key, over)).toBe(vector.workerProof);
    expect(proofOf("client", key, over)).toBe(vector.clientProof);
    expect(isProof(vector.clientProof!, "client", key, over)).toBe(true);
  });

  test.each(refused as { name: string; side: Side; proof: string }[])(
    "one that is $name is refused",
    ({ side, proof }) => {
      const { key, worker, clientNonce, workerNonce } = proofs[0];
      const over = { worker, clientNonce, workerNonce };
      expect(isProof(proof, side, Buffer.from(key, "hex"), over)).toBe(false);
    },
  );

  test("are over nonces that never come twice", () => {
    expect(new Set([newNonce(), newNonce(), newNonce()]).size).toBe(3);
    expect(newNonce()).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("messages", () => {
  const nonce = "0f".repeat(32);

  test("are read back", () => {
    const hello = { worker: "4711.2", nonce };
    const accepted = { concurrency: 4, maxInFlight: 256, hotMs: -1, runtime: "node" };
    const refusal = { code: "FULL", reason: "64 clients are connected" } as const;
    const end = { inMs: 1500, reason: "its hole closes" };
    expect(decodeClientHello(encodeClientHello(hello))).toEqual(hello);
    expect(decodeWorkerHello(encodeWorkerHello({ nonce, proof: nonce }))).toEqual({
      nonce,
      proof: nonce,
    });
    expect(decodeClientProof(encodeClientProof(nonce))).toBe(nonce);
    expect(decodeAccepted(encodeAccepted(accepted))).toEqual(accepted);
    expect(decodeRefused(encodeRefused(refusal))).toEqual(refusal);
    expect(decodeTerminating(encodeTerminating(end))).toEqual(end);
    expect(decodeReason(encodeReason("done"))).toBe("done");
  });

  test.each([
    ["a hello of version 2", () => decodeClientHello(encodeFields({ version: 2 }))],
    ["a hello to no worker", () => decodeClientHello(encodeFields({ version: 1, nonce }))],
    [
      "a hello to a worker with a strange name",
      () => decodeClientHello(encodeFields({ version: 1, worker: "1.1|x", nonce })),
    ],
    [
      "a nonce in upper case",
      () => decodeClientHello(encodeFields({ version: 1, worker: "1.1", nonce: "A".repeat(64) })),
    ],
    ["a short proof", () => decodeClientProof(encodeFields({ proof: "00" }))],
    ["a refusal without a known code", () => decodeRefused(encodeFields({ code: "MINE" }))],
    [
      "a worker that is hot for -2 ms",
      () =>
        decodeAccepted(
          encodeFields({ concurrency: 1, maxInFlight: 1, hotMs: -2, runtime: "node" }),
        ),
    ],
  ])("%s is refused", (_what, decode) => expect(codeOf(decode)).toBe("GARBAGE"));

  test("fit their frames, however long their reasons are", () => {
    const reason = "ü".repeat(5_000);
    const long = [
      encodeDirectFrame("refused", 0, encodeRefused({ code: "ENDED", reason })),
      encodeDirectFrame("terminating", 0, encodeTerminating({ inMs: 1, reason })),
      encodeDirectFrame("bye", 0, encodeReason(reason)),
    ];
    for (const frame of long) expect(decodeAll(frame.toString("hex"))).toHaveLength(1);
  });
});
