// Bands: the waiting work laid beside the core-time of late, the shortest work at the shortest-lived holes.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Bands, Lives, type WaitingGroup } from "../../src/core/bands.js";
import { invocationId } from "../../src/model/ids.js";

const group = (usualMs: number, size: number): WaitingGroup => ({
  head: {
    id: invocationId(1),
    user: "ann",
    cores: 1,
    memoryMb: 1,
    timeLimitMs: usualMs,
    submittedAtMs: 0,
  },
  size,
  usualMs,
});

function livesOf(slots: readonly { lifeMs: number; cores: number }[]): Lives {
  const lives = new Lives();
  lives.look(slots, 0);
  lives.look(slots, 60_000);
  return lives;
}

const anyWork = fc.array(
  fc.record({
    usualMs: fc.integer({ min: 1, max: 1e7 }),
    size: fc.integer({ min: 1, max: 99 }),
  }),
  { minLength: 1, maxLength: 12 },
);
const anyLives = fc.array(
  fc.record({
    lifeMs: fc.oneof(fc.integer({ min: 0, max: 1e9 }), fc.constant(Number.POSITIVE_INFINITY)),
    cores: fc.integer({ min: 1, max: 64 }),
  }),
  { minLength: 1, maxLength: 12 },
);

describe("bands", () => {
  test("give every hole to some work and every work some hole: nothing idles by rule, and none starves", () => {
    fc.assert(
      fc.property(anyWork, anyLives, (work, slots) => {
        const bands = new Bands(
          work.map(({ usualMs, size }) => group(usualMs, size)),
          livesOf(slots),
        );
        for (const { lifeMs } of slots)
          expect(work.some(({ usualMs }) => bands.suits(usualMs, lifeMs))).toBe(true);
        for (const { usualMs } of work)
          expect(slots.some(({ lifeMs }) => bands.suits(usualMs, lifeMs))).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test("never give longer work the shorter-lived of two holes and shorter work the other one only", () => {
    fc.assert(
      fc.property(anyWork, anyLives, (work, slots) => {
        const bands = new Bands(
          work.map(({ usualMs, size }) => group(usualMs, size)),
          livesOf(slots),
        );
        const lives = slots.map(({ lifeMs }) => lifeMs).sort((a, b) => (a === b ? 0 : a - b));
        const lengths = work.map(({ usualMs }) => usualMs).sort((a, b) => a - b);
        const first = (usualMs: number) =>
          lives.findIndex((lifeMs) => bands.suits(usualMs, lifeMs));
        const firsts = lengths.map(first);
        expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
      }),
      { numRuns: 1_000 },
    );
  });

  test("half of the work gets half of the core-time, by what was seen of late and not by what there is now", () => {
    const lives = livesOf([
      { lifeMs: 10_000, cores: 8 },
      { lifeMs: 1_000_000, cores: 8 },
    ]);
    const calm = [{ lifeMs: 1_000_000, cores: 16 }];
    lives.look(calm, 61_000);
    const bands = new Bands([group(1_000, 60), group(60_000, 1)], lives);
    expect(bands.suits(1_000, 10_000)).toBe(true);
    expect(bands.suits(60_000, 10_000)).toBe(false);
    expect(bands.suits(60_000, 1_000_000)).toBe(true);
    // A day of calm later there are only such holes to go by.
    for (let hour = 1; hour <= 48; hour++) lives.look(calm, hour * 3_600_000);
    const later = new Bands([group(1_000, 60), group(60_000, 1)], lives);
    expect(later.suits(1_000, 1_000_000)).toBe(true);
  });
});
