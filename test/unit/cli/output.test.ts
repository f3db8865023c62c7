// What others chose, on a terminal: names in JSON, logs, scripts.

import { expect, test } from "@jest/globals";
import { lineOf } from "../../../src/cli/calls/results.js";
import { json, readable } from "../../../src/cli/output.js";

const steering = /(?!\n)[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;
const evil = "a\u001b[31m\u009b2J\u007f\u202eb\u2066\u0000";

test("JSON has no character that a terminal obeys, and says the same", () => {
  const text = json({ name: evil, [evil]: ["é🙂", 1] });
  expect(text).not.toMatch(steering);
  expect(JSON.parse(text)).toEqual({ name: evil, [evil]: ["é🙂", 1] });
  expect(json({ a: 1 }, 0)).toBe('{"a":1}\n');
});

test("nor has a result, which may bring its own JSON", () => {
  const result = { index: 0, id: "7_0", ok: true, contentType: "application/json" } as const;
  const line = lineOf({ ...result, body: '{"a": "\u009b2J\u202e", "b": 1.0}' });
  expect(line).not.toMatch(steering);
  expect(line).toContain('{"a": "\\u009b2J\\u202e", "b": 1.0}');
});

test("a text of others keeps lines and tabs on a terminal, and all of it elsewhere", () => {
  expect(readable(`x\ty\n${evil}`, true)).toBe("x\ty\na?[31m?2J??b??");
  expect(readable(evil, false)).toBe(evil);
});
