// The limits of requests: what is allowed by itself fits into a request.

import { expect, test } from "@jest/globals";
import {
  maxEnvironmentBytes,
  maxRequestBytes,
  maxScriptBytes,
} from "../../../src/wire/api/limits.js";

const megabyte = 1024 * 1024;

test("a script may have 4 MB and an environment 1 MB, and both fit into one request", () => {
  expect([maxScriptBytes, maxEnvironmentBytes]).toEqual([4 * megabyte, megabyte]);
  const command = { kind: "script", body: "x".repeat(4 * megabyte), args: [] };
  const body = JSON.stringify({ command, environment: { X: "y".repeat(megabyte) } });
  expect(body.length).toBeLessThan(maxRequestBytes);
});
