// Reading the head of an answer that arrives in pieces.

import { expect, test } from "@jest/globals";
import { AnswerHead } from "../../../../src/sdk/http/answer.js";

const headOf = (lines: readonly string[], size: number) => {
  const head = new AnswerHead();
  const bytes = Buffer.from(`${lines.join("\r\n")}\r\n\r\n{}`);
  for (let at = 0; at < bytes.length; at += size) head.take(bytes.subarray(at, at + size));
  return { length: head.answerBytes, ofAll: bytes.length, stays: head.letsStay };
};

test.each([1, 7, 1_000])("the length is known if it arrives in pieces of %d bytes", (size) => {
  const { length, ofAll, stays } = headOf(["HTTP/1.1 200 OK", "Content-Length: 2"], size);
  expect(length).toBe(ofAll);
  expect(stays).toBe(true);
});

test("an answer that announces no length lasts until its connection ends", () => {
  expect(headOf(["HTTP/1.0 200 OK"], 5)).toMatchObject({ length: Infinity, stays: false });
});

test("a connection that the daemon closes is not kept", () => {
  const lines = ["HTTP/1.1 200 OK", "Content-Length: 2", "Connection: close"];
  expect(headOf(lines, 3).stays).toBe(false);
});
