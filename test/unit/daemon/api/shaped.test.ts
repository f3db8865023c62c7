// What glean lets through, the daemon takes: both know the same limits, so the sentence is glean's.

import { expect, test } from "@jest/globals";
import { z } from "zod";
import { nodesOf } from "../../../../src/cli/nodes.js";
import { parseIds } from "../../../../src/cli/values.js";
import { shaped } from "../../../../src/daemon/api/server/shaped.js";
import { maxHostListLength, maxNamedIds, maxNamedNodes } from "../../../../src/wire/api/limits.js";
import { drainRequest } from "../../../../src/wire/api/shapes/cluster.js";
import { cancelRequest } from "../../../../src/wire/api/shapes/invocations.js";

test("a host list may have the maximum length", () => {
  const longest = `n[${"1,".repeat(maxHostListLength / 2 - 2)}1]`;
  expect(longest).toHaveLength(maxHostListLength);
  const nodes = nodesOf([longest]);
  expect(shaped(drainRequest, { nodes, now: false }).nodes).toEqual([longest]);
  expect(() => nodesOf([`${longest}n`])).toThrow(/invalid node/);
  expect(() => shaped(drainRequest, { nodes: [`${longest}n`], now: false })).toThrow(/nodes\.0: /);
});

test("a request may name the maximum number of nodes", () => {
  const nodes = nodesOf(Array.from({ length: maxNamedNodes }, (_, at) => `n${at}`));
  expect(shaped(drainRequest, { nodes, now: false }).nodes).toHaveLength(maxNamedNodes);
  expect(() => nodesOf([...nodes, "n"])).toThrow(/write them as host lists/);
  expect(() => shaped(drainRequest, { nodes: [...nodes, "n"], now: false })).toThrow(/at a time/);
});

test("a request may name the maximum number of ids", () => {
  const ids = parseIds([`4000000_[0-${maxNamedIds - 1}]`]);
  expect(shaped(cancelRequest, { ids }).ids).toHaveLength(maxNamedIds);
  expect(() => parseIds([`4000000_[0-${maxNamedIds}]`])).toThrow(/whole array/);
  expect(() => shaped(cancelRequest, { ids: [...ids, "1"] })).toThrow(/ids: /);
});

test.each(["n1", "n[1-4,7]", "all", "rack-2.node_3"])("%s may name nodes", (name) => {
  expect(shaped(drainRequest, { nodes: [name], now: true }).nodes).toEqual([name]);
});

test.each(["", "n1 n2", "n1\n", "n1;x", "\nn1", "n1/x", "$n"])("%j may not", (name) => {
  expect(() => shaped(drainRequest, { nodes: [name], now: true })).toThrow(/must be a node/);
});

const shape = z.strictObject({
  text: z.string().min(1).max(3).default("x"),
  count: z.int().min(1).max(9).default(1),
  list: z.array(z.boolean()).min(1).max(2).default([true]),
  order: z.enum(["input", "ended"]).default("input"),
  id: z.uuid().optional(),
  own: z.string().regex(/^a/, "must begin with a").optional(),
});

test.each([
  [{ text: 3 }, "text: expected a string"],
  [{ text: "" }, "text: expected text, and got none"],
  [{ text: "long" }, "text: longer than 3 characters: shorten it, or give less at a time"],
  [{ count: "3" }, "count: expected a number"],
  [{ count: 1.5 }, "count: expected a whole number"],
  [{ count: 0 }, "count: expected a number of at least 1"],
  [{ count: 10 }, "count: expected a number of at most 9"],
  [{ list: {} }, "list: expected a list"],
  [{ list: [] }, "list: expected at least 1"],
  [{ list: [3] }, "list.0: expected true or false"],
  [{ order: "x" }, "order: expected input or ended"],
  [{ id: "x" }, "id: expected a UUID"],
  [{ own: "b" }, "own: must begin with a"],
  [{ other: 1 }, "the request: unknown key other"],
  [[], "the request: expected an object"],
])("%j is refused in plain words", (value, message) => {
  expect(() => shaped(shape, value)).toThrow(new Error(message));
});
