// Messages as MessagePack: they come back as they were, and a long one leaves no large buffer.

import { expect, test } from "@jest/globals";
import { pack, unpackAll } from "../../../src/wire/packing.js";

const megabyte = 1024 * 1024;

test.each([
  ["a small message", { type: "beat" }],
  ["a long text", { type: "start", body: "x".repeat(4 * megabyte), list: [1, 2.5, null, true] }],
  ["a long text of three bytes a character", { body: "€".repeat(megabyte) }],
  ["long texts beside many short ones", { long: ["y".repeat(megabyte)], short: shortTexts(5_000) }],
])("%s is read back unchanged, and so is what follows", (_what, message) => {
  const bytes = pack(message);
  const next = pack({ type: "next" });
  expect(unpackAll(Buffer.concat([bytes, next]))).toEqual([message, { type: "next" }]);
});

test("a message with a long text uses little more memory than it may need, and keeps none", () => {
  const text = "x".repeat(4 * megabyte);
  expect(pack({ text }).buffer.byteLength).toBeLessThan(14 * megabyte);
  expect(pack({ type: "beat" }).buffer.byteLength).toBeLessThan(megabyte);
});

test("the bytes of a payload are copied, and not looked at one by one", () => {
  const body = new Uint8Array(megabyte).fill(7);
  Object.defineProperty(body, "seen", {
    enumerable: true,
    get: () => {
      throw new Error("somebody lists the bytes");
    },
  });
  expect(unpackAll(pack({ piece: { body } }))).toEqual([
    { piece: { body: Buffer.alloc(megabyte, 7) } },
  ]);
});

function shortTexts(count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`k${at}`, "z".repeat(1_000)]),
  );
}
