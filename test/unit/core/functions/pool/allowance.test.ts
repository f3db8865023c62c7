// What one avoided cold start is worth, from the balance of idle times.

import { describe, expect, test } from "@jest/globals";
import { Allowance } from "../../../../../src/core/functions/pool/allowance.js";

const minute = 60_000;
const keepAliveMs = 10 * minute;
const short = [{ fromMs: 0, toMs: minute }];
const long = [{ fromMs: 0, toMs: 60 * minute }];

function allowanceAfter(times: number, windows: typeof short, idleMs: number | null): Allowance {
  const allowance = new Allowance(keepAliveMs);
  for (let time = 0; time < times; time++) {
    allowance.workerIdle(windows);
    if (idleMs !== null) allowance.workerUsed(windows, idleMs);
  }
  return allowance;
}

describe("the allowance of idle time", () => {
  test("makes a cold start worth one and a half keep-alives at first", () => {
    expect(new Allowance(keepAliveMs).worthMs).toBe(15 * minute);
    expect(new Allowance().worthMs).toBe(15 * minute);
  });

  test("makes it worth more while workers are idle for less than under the keep-alive", () => {
    expect(allowanceAfter(1_000, short, 5 * minute).worthMs).toBeGreaterThan(40 * minute);
    expect(allowanceAfter(100_000, short, null).worthMs).toBe(4 * 15 * minute);
  });

  test("makes it worth less while they are idle for longer", () => {
    expect(allowanceAfter(1_000, long, 30 * minute).worthMs).toBeLessThan(6 * minute);
    expect(allowanceAfter(100_000, long, null).worthMs).toBe(15 * minute * 0.25);
  });

  test("counts only the time until a worker is used", () => {
    expect(allowanceAfter(1_000, long, 30_000).worthMs).toBeCloseTo(15 * minute, -3);
    expect(
      allowanceAfter(1_000, [{ fromMs: 5 * minute, toMs: 20 * minute }], minute).worthMs,
    ).toBeGreaterThan(15 * minute);
  });

  test("reads what it wrote, and refuses anything else", () => {
    const allowance = allowanceAfter(1_000, short, null);
    const again = Allowance.of(JSON.parse(JSON.stringify(allowance.plain())), keepAliveMs);
    expect(again.worthMs).toBe(allowance.worthMs);
    for (const bad of [null, {}, [], [1], ["1", 1], [1, null]])
      expect(() => Allowance.of(bad)).toThrow(RangeError);
  });
});
