// Prices and the market: each hole has a taker, long work gets the lasting ones, and no length is
// left behind forever.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Chances, Market, Prices } from "../../src/core/placement/prices.js";

/** A hole that closes at this rate, whatever its age. */
const closingPerMs = (hazard: number): Chances => ({ chance: (ms) => Math.exp(-hazard * ms) });
const young = closingPerMs(1 / 60_000);
const lasting = closingPerMs(1 / 3_600_000);
const second = 1_000;
const minute = 60_000;

/** What waits each minute for so many of them, while this was given first. */
function pricesAfter(
  minutes: number,
  given: readonly number[],
  waiting: readonly number[],
): Prices {
  const prices = new Prices();
  const work = (coreMs: readonly number[]) =>
    [second, 5 * minute].map((usualMs, index) => ({ usualMs, coreMs: coreMs[index]! }));
  for (let passed = 0; passed <= minutes; passed++) {
    for (const each of work(given)) prices.began(each);
    prices.look(work(waiting), passed * minute);
  }
  return prices;
}

describe("prices", () => {
  test("are 1 before any slot was assigned", () => {
    const prices = pricesAfter(60, [0, 0], [1, 1_000]);
    expect(prices.of(second)).toBe(1);
    expect(prices.of(5 * minute)).toBe(1);
  });

  test("rise for lengths that wait longer than the others, at once and further over hours", () => {
    const soon = pricesAfter(1, [1, 1], [1, 4]);
    const late = pricesAfter(24 * 60, [1, 1], [1, 4]);
    const ratio = (prices: Prices) => prices.of(5 * minute) / prices.of(second);
    expect(ratio(soon)).toBeGreaterThan(1.05);
    expect(ratio(late)).toBeGreaterThan(ratio(soon) * 1.3);
    expect(ratio(pricesAfter(24 * 60, [1, 4], [1, 4]))).toBeCloseTo(1, 6);
  });

  test("are recomputed even if the clock was set back", () => {
    const prices = pricesAfter(1, [1, 1], [1, 1]);
    const before = prices.of(5 * minute);
    prices.look([{ usualMs: 5 * minute, coreMs: 1 }], -1_000 * minute);
    expect(prices.of(5 * minute)).toBeGreaterThan(before);
  });

  test("stay finite whatever waits, was assigned, and at any time", () => {
    const amount = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e15, noNaN: true }));
    const work = fc.record({
      usualMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
      coreMs: amount,
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(work), fc.array(work), fc.nat(1e9)), { maxLength: 20 }),
        fc.double({ min: 0, max: 1e12, noNaN: true }),
        (looks, usualMs) => {
          const prices = new Prices();
          for (const [begun, waiting, atMs] of looks) {
            for (const each of begun) prices.began(each);
            prices.look(waiting, atMs);
          }
          expect(prices.of(usualMs)).toBeGreaterThan(0);
          expect(Number.isFinite(prices.of(usualMs))).toBe(true);
        },
      ),
    );
  });
});

describe("a market", () => {
  test("leaves no hole unused", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1e9 }), { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (lengths, hazard) => {
          const market = new Market(lengths, new Prices());
          const hole = closingPerMs(hazard);
          expect(lengths.some((usualMs) => market.suits(usualMs, hole))).toBe(true);
        },
      ),
    );
  });

  test("gives lasting holes to long work with a higher price, and young holes to short work", () => {
    const market = new Market([second, 5 * minute], pricesAfter(600, [1, 1], [1, 4]));
    expect(market.suits(second, young)).toBe(true);
    expect(market.suits(5 * minute, young)).toBe(false);
    expect(market.suits(5 * minute, lasting)).toBe(true);
    expect(market.suits(second, lasting)).toBe(false);
  });

  test("alternates between lengths of about the same value", () => {
    const market = new Market([second, 1.1 * second], new Prices());
    expect(market.suits(second, lasting)).toBe(true);
    expect(market.suits(1.1 * second, lasting)).toBe(true);
  });

  test("finds prices at which each length gets its share, although short work is safer in every hole", () => {
    const prices = new Prices();
    // Eight of ten arriving minutes of work are long, and ten are placed: the waiting amount stays
    // the same.
    const asked = new Map([
      [second, 2 * minute],
      [5 * minute, 8 * minute],
    ]);
    const waiting = new Map([...asked.keys()].map((usualMs) => [usualMs, 600 * minute]));
    let longMs = 0;
    const hours = 96;
    for (let passed = 0; passed < hours * 60; passed++) {
      for (const [usualMs, coreMs] of asked) waiting.set(usualMs, waiting.get(usualMs)! + coreMs);
      prices.look(
        [...waiting].map(([usualMs, coreMs]) => ({ usualMs, coreMs })),
        passed * minute,
      );
      for (let hole = 0; hole < 10; hole++) {
        const kind = closingPerMs(1 / ((hole + 1) * 5 * minute));
        const there = [...waiting.keys()].filter((usualMs) => waiting.get(usualMs)! >= minute);
        const market = new Market(there, prices);
        const takers = there.filter((usualMs) => market.suits(usualMs, kind));
        for (const usualMs of takers) {
          const coreMs = minute / takers.length;
          waiting.set(usualMs, waiting.get(usualMs)! - coreMs);
          prices.began({ usualMs, coreMs });
          if (usualMs > second && passed >= (hours / 2) * 60) longMs += coreMs;
        }
      }
    }
    const share = longMs / ((hours / 2) * 60 * 10 * minute);
    expect(share).toBeGreaterThan(0.75);
    expect(share).toBeLessThan(0.85);
  });
});
