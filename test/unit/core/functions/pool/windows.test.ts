// When an idle worker is warm: histogram, windows and the standard keep-alive.

import { describe, expect, test } from "@jest/globals";
import {
  binCount,
  binOf,
  edgeMs,
  IdleTimes,
} from "../../../../../src/core/functions/pool/idle-times.js";
import { keepFor, warmWindows } from "../../../../../src/core/functions/pool/windows.js";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const worthMs = 15 * minute;

function timesOf(...idleMs: readonly number[]): IdleTimes {
  const times = new IdleTimes();
  for (const each of idleMs) times.add(each);
  return times;
}

const windowsOf = (...idleMs: readonly number[]) => warmWindows(timesOf(...idleMs), worthMs);
const alternating = (times: number, ...idleMs: readonly number[]) =>
  Array.from({ length: times }, (_, index) => idleMs[index % idleMs.length]!);

describe("the histogram of idle times", () => {
  test("puts each time into the bin whose edges enclose it", () => {
    for (const ms of [0, 1, 999, 1_000, 1_044, 1_045, 60_000, 86_400_000, 2 ** 18 * 1_000, 1e12]) {
      const bin = binOf(ms);
      expect(edgeMs(bin)).toBeLessThanOrEqual(ms);
      expect(edgeMs(bin + 1)).toBeGreaterThan(ms);
    }
    expect(binOf(Number.NaN)).toBe(0);
    expect(binOf(Number.POSITIVE_INFINITY)).toBe(binCount - 1);
  });

  test("forgets old times by halves", () => {
    const times = timesOf(...alternating(99, minute), ...alternating(90, hour));
    expect(times.total).toBeLessThan(150);
    expect(times.countOf(binOf(hour))).toBeGreaterThan(times.countOf(binOf(minute)));
  });

  test("has the median of the times that lasted longer", () => {
    const times = timesOf(minute, minute, hour, hour, hour);
    expect(times.medianBeyondMs(2 * minute)).toBeGreaterThanOrEqual(hour);
    expect(times.medianBeyondMs(2 * minute)).toBeLessThan(1.05 * hour);
    expect(times.medianBeyondMs(2 * hour)).toBeNull();
    expect(timesOf(1e12).medianBeyondMs(0)).toBe(Number.POSITIVE_INFINITY);
  });

  test("reads what it wrote, and refuses anything else", () => {
    const times = timesOf(minute, hour, hour);
    const again = IdleTimes.of(JSON.parse(JSON.stringify(times.plain())));
    expect(again.plain()).toEqual(times.plain());
    expect(again.total).toBe(3);
    for (const bad of [null, [], [1], [1, 2], [1, -1, 1], [1, binCount, 1], [2, 5, 1], [1, 5, 0.5]])
      expect(() => IdleTimes.of(bad)).toThrow(RangeError);
    expect(IdleTimes.of([0]).total).toBe(0);
  });
});

describe("the windows of an idle worker", () => {
  test("are the standard keep-alive while there are fewer than three observations", () => {
    expect(windowsOf(hour, hour)).toEqual(keepFor(worthMs));
    expect(keepFor(worthMs)).toEqual({ windows: [{ fromMs: 0, toMs: worthMs }], isLearned: false });
    expect(keepFor(0).windows).toEqual([]);
  });

  test("are the standard keep-alive while idle times are spread over all lengths alike", () => {
    const even = Array.from({ length: 90 }, (_, index) => second * 2 ** (index / 5));
    expect(timesOf(...even).isRepresentative()).toBe(false);
    expect(windowsOf(...even).isLearned).toBe(false);
  });

  test("count workers that waited together as one observation", () => {
    const times = new IdleTimes();
    for (let worker = 0; worker < 8; worker++) times.add(hour, worker === 0);
    expect(times.observations).toBe(1);
    expect(warmWindows(times, worthMs).isLearned).toBe(false);
  });

  test("open shortly before a regular call and close soon after", () => {
    const { windows } = windowsOf(...alternating(10, 20 * minute));
    expect(windows).toHaveLength(2);
    // What was never seen is likelier soon than late.
    expect(windows[0]!.toMs).toBeLessThan(15 * second);
    const { fromMs, toMs } = windows[1]!;
    expect(fromMs).toBeGreaterThan(16 * minute);
    expect(fromMs).toBeLessThan(20 * minute);
    expect(toMs).toBeGreaterThan(20 * minute);
    expect(toMs).toBeLessThan(24 * minute);
  });

  test("begin at once for a function that is called all the time", () => {
    const { windows } = windowsOf(...alternating(20, 2 * second, 3 * second));
    expect(windows[0]!.fromMs).toBe(0);
    expect(windows.at(-1)!.toMs).toBeLessThan(2 * minute);
  });

  test("are two for regular bursts: one within the burst, one before the next", () => {
    const { windows } = windowsOf(...alternating(40, second, second, second, hour));
    expect(windows).toHaveLength(2);
    expect(windows[0]!.fromMs).toBe(0);
    expect(windows[0]!.toMs).toBeLessThan(minute);
    expect(windows[1]!.fromMs).toBeGreaterThan(50 * minute);
  });

  test("do not exist where the wait costs more than a cold start is worth", () => {
    const scattered = Array.from({ length: 40 }, (_, index) => (2 + index / 5) * hour);
    const lastMs = (...idleMs: readonly number[]) => windowsOf(...idleMs).windows.at(-1)?.toMs ?? 0;
    expect(lastMs(...scattered)).toBeLessThan(15 * second);
    expect(lastMs(...alternating(10, 1e12))).toBeLessThan(15 * second);
  });

  test("grow with the worth of a cold start", () => {
    const times = timesOf(...Array.from({ length: 40 }, (_, index) => (index + 1) * minute));
    const warmMs = (worth: number) =>
      warmWindows(times, worth).windows.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
    expect(warmMs(5 * minute)).toBeLessThan(warmMs(30 * minute));
    expect(warmMs(30 * minute)).toBeLessThanOrEqual(warmMs(120 * minute));
  });
});
