// What is learned from calls: the workers that a function should have at a moment.

import { describe, expect, test } from "@jest/globals";
import { Arrivals, historyKey } from "../../../../../src/core/functions/pool/arrivals.js";

const second = 1_000;
const minute = 60 * second;
const key = historyKey("ada", "hep", "tile");
const settings = { idleTimeoutMs: null, coldStartMs: 500 };

/** Calls of 1 s, `width` at a time, each `everyMs`; returns the end of the last one. */
function call(arrivals: Arrivals, times: number, everyMs: number, width = 1, fromMs = 0): number {
  for (let time = 0; time < times; time++) {
    const atMs = fromMs + time * everyMs;
    for (let each = 0; each < width; each++) arrivals.callArrived(key, atMs);
    for (let each = 0; each < width; each++) arrivals.callEnded(key, atMs + second);
  }
  return fromMs + (times - 1) * everyMs + second;
}

const seatsAt = (arrivals: Arrivals, atMs: number) => arrivals.outlook(key, atMs, settings).seats;

describe("arrivals", () => {
  test("want no worker of a function that was never called", () => {
    expect(new Arrivals().outlook(key, 0, settings)).toEqual({
      seats: [],
      changesAtMs: Number.POSITIVE_INFINITY,
    });
  });

  test("keep a worker for the standard time after the first call, and say when that ends", () => {
    const arrivals = new Arrivals(10 * minute);
    const endMs = call(arrivals, 1, 0);
    const { seats, changesAtMs } = arrivals.outlook(key, endMs + minute, settings);
    expect(seats).toEqual([{ rank: 1, idleMs: minute, nextUseMs: minute, mayStart: true }]);
    expect(changesAtMs).toBe(endMs + 15 * minute);
    expect(seatsAt(arrivals, changesAtMs)).toEqual([]);
  });

  test("want no further worker while the only one runs", () => {
    const arrivals = new Arrivals();
    arrivals.callArrived(key, 0);
    expect(seatsAt(arrivals, second)).toEqual([]);
  });

  test("start a worker ahead of a regular call, earlier by its cold start", () => {
    const arrivals = new Arrivals();
    const endMs = call(arrivals, 6, 20 * minute);
    const opensAtMs = arrivals.outlook(key, endMs + minute, settings).changesAtMs;
    expect(seatsAt(arrivals, endMs + minute)).toEqual([]);
    expect(seatsAt(arrivals, opensAtMs)).toMatchObject([{ rank: 1, mayStart: true }]);
    const late = { ...settings, coldStartMs: 30 * second };
    expect(arrivals.outlook(key, endMs + minute, late).changesAtMs).toBe(opensAtMs - 29_500);
    const closesAtMs = arrivals.outlook(key, opensAtMs, settings).changesAtMs;
    expect(closesAtMs).toBeGreaterThan(endMs + 20 * minute - second);
    expect(seatsAt(arrivals, closesAtMs)).toEqual([]);
  });

  test("keep a worker until a regular call only if that is near, without starts ahead", () => {
    const keepMs = (everyMs: number) => {
      const arrivals = new Arrivals();
      const endMs = call(arrivals, 6, everyMs);
      arrivals.callArrived(key, endMs + everyMs);
      return arrivals.keepMs(key, 10 * minute)!;
    };
    expect(keepMs(5 * minute)).toBeGreaterThan(5 * minute);
    expect(keepMs(5 * minute)).toBeLessThan(10 * minute);
    expect(keepMs(40 * minute)).toBeLessThan(minute);
    expect(new Arrivals().keepMs(key, 10 * minute)).toBeNull();
  });

  test("expect the next use when half of such workers were used", () => {
    const arrivals = new Arrivals();
    const endMs = call(arrivals, 10, 5 * minute);
    const atMs = endMs + 4.5 * minute;
    const [seat] = seatsAt(arrivals, atMs);
    expect(atMs + seat!.nextUseMs).toBeGreaterThan(endMs + 4.9 * minute);
    expect(atMs + seat!.nextUseMs).toBeLessThan(endMs + 5.3 * minute);
  });

  test("want as many workers as calls come at once, each rank by its own history", () => {
    const arrivals = new Arrivals();
    for (let hour = 0; hour < 6; hour++) {
      call(arrivals, 1, 0, 4, hour * 60 * minute);
      call(arrivals, 5, 10 * minute, 1, hour * 60 * minute + 10 * minute);
    }
    const burstMs = 6 * 60 * minute;
    expect(seatsAt(arrivals, burstMs)).toHaveLength(4);
    call(arrivals, 1, 0, 4, burstMs);
    expect(seatsAt(arrivals, burstMs + 10 * minute).map(({ rank }) => rank)).toEqual([1]);
  });

  test("do not stop the workers of a burst because its first calls came", () => {
    const arrivals = new Arrivals();
    call(arrivals, 1, 0, 16);
    for (let each = 0; each < 8; each++) arrivals.callArrived(key, 12 * minute);
    expect(seatsAt(arrivals, 12 * minute)).toHaveLength(8);
  });

  test("obey an explicit idle timeout, and start nothing ahead under it", () => {
    const arrivals = new Arrivals();
    const endMs = call(arrivals, 6, 20 * minute);
    const fixed = { idleTimeoutMs: 3 * minute, coldStartMs: 500 };
    expect(arrivals.outlook(key, endMs, fixed)).toMatchObject({
      seats: [{ mayStart: false }],
      changesAtMs: endMs + 3 * minute,
    });
    expect(arrivals.outlook(key, endMs + 3 * minute, fixed).seats).toEqual([]);
    expect(arrivals.outlook(key, endMs, { ...fixed, idleTimeoutMs: 0 }).seats).toEqual([]);
  });

  test("survive a restart as JSON, and learn nothing from what ran meanwhile", () => {
    const arrivals = new Arrivals();
    const endMs = call(arrivals, 6, 20 * minute);
    const again = Arrivals.fromJson(arrivals.toJson())!;
    for (const atMs of [endMs, endMs + 19 * minute, endMs + 20 * minute])
      expect(seatsAt(again, atMs)).toEqual(seatsAt(arrivals, atMs));
    arrivals.callArrived(key, endMs + minute);
    const running = Arrivals.fromJson(arrivals.toJson())!;
    expect(running.outlook(key, endMs + 2 * minute, settings).seats).toEqual([]);
    running.callEnded(key, endMs + 3 * minute);
    expect(running.outlook(key, endMs + 22 * minute, settings).seats).toHaveLength(1);
  });

  test.each([
    "",
    "{}",
    "null",
    '{"allowance":[1],"functions":[]}',
    '{"allowance":[1,1],"functions":[["a",{}]]}',
    '{"allowance":[1,1],"functions":[["a",{"since":["x"],"times":[]}]]}',
    '{"allowance":[1,1],"functions":[["a",{"since":[],"times":[[9,[0]]]}]]}',
  ])("are empty after unreadable JSON: %s", (json) => {
    expect(Arrivals.fromJson(json)).toBeNull();
  });

  test("are bounded: the function called longest ago is forgotten, and a burst has a limit", () => {
    const arrivals = new Arrivals();
    for (let each = 0; each < 5_001; each++) arrivals.callArrived(`f${each}`, each);
    expect(arrivals.learnedFunctions).toBe(5_000);
    arrivals.callEnded("f0", 6_000);
    expect(arrivals.outlook("f0", 6_000, settings).seats).toEqual([]);
    const wide = new Arrivals();
    call(wide, 4, minute, 300);
    expect(seatsAt(wide, 4 * minute - second)).toHaveLength(256);
    expect(wide.toJson().length).toBeLessThan(10_000);
  });

  test("ignore a clock that was set back", () => {
    const arrivals = new Arrivals();
    call(arrivals, 3, minute);
    call(arrivals, 3, minute);
    expect(seatsAt(arrivals, -minute)).toHaveLength(1);
  });
});
