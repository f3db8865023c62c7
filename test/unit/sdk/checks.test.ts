// Mistakes of programs: one sentence of the SDK each, before anything is sent.

import { expect, test } from "@jest/globals";
import { Connection, connect } from "../../../src/sdk/index.js";
import { Leasing } from "../../support/sdk/leasing.js";

type Mistake = readonly [call: string, args: readonly unknown[], message: string];
const timeLimit = "expected a number of milliseconds above 0, at most 2147483647";
const inputs = "expected an array, or another iterable";
const number = Number.NaN;

const mistakes: readonly Mistake[] = [
  ["lease", [undefined], "invalid options of lease() null: expected an object with function, "],
  ["lease", ["echo"], 'invalid options of lease() "echo": expected an object with function, '],
  ["lease", [{}], "invalid function undefined: expected the name of a function"],
  ["lease", [{ function: 3 }], "invalid function 3: expected a string"],
  ["lease", [{ function: "f", worker: 2 }], "unknown option worker: did you mean workers? lease()"],
  ["lease", [{ function: "f", toString: 2 }], "unknown option toString: did you mean "],
  ["lease", [{ function: "f", workers: "2" }], 'invalid workers "2": expected a whole number from'],
  ["lease", [{ function: "f", workers: null }], "invalid workers null: expected a whole number"],
  ["lease", [{ function: "f", cores: number }], "invalid cores NaN: expected a whole number from"],
  ["lease", [{ function: "f", ttlMs: 1 }], "invalid ttlMs 1: expected a whole number from 100 to"],
  ["lease", [{ function: "f", hotMs: -2 }], "invalid hotMs -2: expected a whole number from -1 to"],
  ["lease", [{ function: "f", waitMs: 1e9 }], "invalid waitMs 1000000000: expected a whole number"],
  ["lease", [{ function: "f", retry: "always" }], 'invalid retry "always": expected "evicted" or '],
  ["lease", [{ function: "f", signal: 3 }], "invalid signal 3: expected an AbortSignal"],
  ["invoke", [undefined], "invalid function undefined: expected the name of a function"],
  ["invoke", ["f", 1, null], "invalid options of invoke() null: expected an object with timeLimit"],
  ["invoke", ["f", 1, { timeLimitMs: number }], `invalid timeLimitMs NaN: ${timeLimit}`],
  ["invoke", ["f", 1, { timeLimitMs: 1e15 }], `invalid timeLimitMs 1000000000000000: ${timeLimit}`],
  ["invoke", ["f", 1, { signal: {} }], "invalid signal (an object): expected an AbortSignal"],
  ["submit", ["f", 1, { requestId: "x" }], 'invalid requestId "x": expected a UUID'],
  ["result", [undefined], "invalid id undefined: expected the id of a call, such as "],
  ["result", ["../x"], 'invalid id "../x": expected the id of a call, such as "42" or "42_7"'],
  ["map", ["f", null], `invalid inputs null: ${inputs}`],
  ["map", ["f", Promise.resolve([])], `invalid inputs (an object): ${inputs}`],
  ["map", ["f", [1], { window: 0 }], "invalid window 0: expected a whole number from 1, or Infi"],
  ["map", ["f", [1], { order: "x" }], 'invalid order "x": expected "input" or "ended"'],
  ["map", ["f", [1], { onSubmitted: 3 }], "invalid onSubmitted 3: expected a function"],
  ["submitMap", ["f", 3], `invalid inputs 3: ${inputs}`],
  ["submitMap", ["f", [1], { window: 3 }], "unknown option window: did you mean timeLimitMs?"],
  ["lease.invoke", [1, { timeLimitMs: "5" }], `invalid timeLimitMs "5": ${timeLimit}`],
  ["lease.invoke", [1, { timeLimitMs: 0 }], `invalid timeLimitMs 0: ${timeLimit}`],
  ["lease.invoke", [1, { signal: 3 }], "invalid signal 3: expected an AbortSignal"],
  ["lease.map", [null], `invalid inputs null: ${inputs}`],
  ["lease.map", [[1], { window: "x" }], 'invalid window "x": expected a whole number from 1, or'],
  ["lease.map", [[1], { order: "input" }], "unknown option order: did you mean "],
  ["connect", [null], "invalid options of connect() null: expected an object with configFile, "],
  ["connect", [{ configFile: 3 }], "invalid configFile 3: expected a string"],
];

test.each(mistakes)("%s(%j) is refused: %s", async (call, args, message) => {
  const leasing = new Leasing([]);
  const lease = await leasing.open();
  const never = new Proxy({}, { get: () => undefined });
  const connection = new Connection(never as Connection["client"]);
  const [whose, method] = call.startsWith("lease.") ? [lease, call.slice(6)] : [connection, call];
  const called = Reflect.get(whose, method) as (...given: readonly unknown[]) => unknown;
  const run = async () =>
    call === "connect" ? connect(args[0] as never) : Reflect.apply(called, whose, args);
  await expect(run()).rejects.toMatchObject({
    ...{ name: "GleanerError", code: "BAD_REQUEST", message: expect.stringContaining(message) },
  });
  expect(leasing.elsewhere).toEqual([]);
  await lease.end();
});
