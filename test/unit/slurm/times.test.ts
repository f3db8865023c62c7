// Slurm's times and durations.

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { readDurationMs, readTimeMs } from "../../../src/slurm/times.js";

describe("readDurationMs", () => {
  test.each([
    ["1-02:03:04", 93_784_000],
    ["1:00:00", 3_600_000],
    ["30:00", 1_800_000],
    ["0:10", 10_000],
    ["90", 5_400_000],
    ["2-00", 172_800_000],
    ["365-00:00:00", 31_536_000_000],
    ["UNLIMITED", null],
    ["NOT_SET", null],
    ["INVALID", null],
    ["N/A", null],
    ["", null],
    ["1:2:3:4", null],
    ["-1:00", null],
  ])("%s", (text, expected) => {
    expect(readDurationMs(text)).toBe(expected);
  });

  test("reads what squeue prints for any number of seconds", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400_000_000 }), (total) => {
        expect(readDurationMs(printed(total))).toBe(total * 1_000);
      }),
    );
  });
});

describe("readTimeMs", () => {
  test.each(["N/A", "NONE", "Unknown", "(null)", "", "0", "-5", "1.5", "2026-11-23T11:59:53"])(
    "%s is no time",
    (text) => {
      expect(readTimeMs(text)).toBeNull();
    },
  );

  test("reads seconds since the epoch", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000_000_000 }), (seconds) => {
        expect(readTimeMs(String(seconds))).toBe(seconds * 1_000);
      }),
    );
  });
});

/** As Slurm's secs2time_str: days only when there are any, hours only when there are any. */
function printed(total: number): string {
  const [days, hours, minutes, seconds] = [
    Math.floor(total / 86_400),
    Math.floor(total / 3_600) % 24,
    Math.floor(total / 60) % 60,
    total % 60,
  ];
  const two = (part: number) => String(part).padStart(2, "0");
  if (days > 0) return `${days}-${two(hours)}:${two(minutes)}:${two(seconds)}`;
  if (hours > 0) return `${hours}:${two(minutes)}:${two(seconds)}`;
  return `${minutes}:${two(seconds)}`;
}
