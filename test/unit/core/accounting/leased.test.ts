// Leased core-time by what it was: the parts add up, also where a report cuts a span.

import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { leasedIn, noLeases } from "../../../../src/core/accounting/leased.js";

const span = { fromMs: 100, toMs: 300, cores: 2, cpuMs: 120, spinMs: 100 };

test("divides what a lease held, and a cut span in proportion", () => {
  expect(leasedIn([span], 0, 1_000)).toEqual({
    leasedCallsCoreMs: 20,
    leasedHotCoreMs: 100,
    leasedHeldCoreMs: 280,
  });
  expect(leasedIn([span], 250, 1_000)).toEqual({
    leasedCallsCoreMs: 5,
    leasedHotCoreMs: 25,
    leasedHeldCoreMs: 70,
  });
  expect(leasedIn([span], 300, 1_000)).toEqual(noLeases);
});

test("the parts add up to cores and time, whatever was measured", () => {
  const any = fc.record({
    fromMs: fc.nat(50),
    lengthMs: fc.nat(50),
    cores: fc.integer({ min: 1, max: 4 }),
    cpuMs: fc.nat(400),
    spinMs: fc.nat(400),
  });
  fc.assert(
    fc.property(any, fc.nat(60), fc.nat(60), ({ lengthMs, ...rest }, at, widthMs) => {
      const [each, toMs] = [{ ...rest, toMs: rest.fromMs + lengthMs }, at + widthMs];
      const parts = Object.values(leasedIn([each], at, toMs));
      const insideMs = Math.max(0, Math.min(each.toMs, toMs) - Math.max(each.fromMs, at));
      expect(Math.min(...parts)).toBeGreaterThanOrEqual(0);
      expect(parts.reduce((sum, part) => sum + part)).toBe(each.cores * insideMs);
    }),
  );
});
