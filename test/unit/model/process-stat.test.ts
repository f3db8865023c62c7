// /proc/PID/stat of processes that live, die and have ended.

import { describe, expect, test } from "@jest/globals";
import { hasEnded, parseProcessStat } from "../../../src/model/process-stat.js";

/** `12 (NAME) STATE 1 …`, with 52 fields of which only these are not 0. */
function stat(state: string, threads: number, name = "node"): string {
  const fields = Array<number | string>(49).fill(0);
  [fields[0], fields[16], fields[18], fields[48]] = [1, threads, "7700", 256];
  return `12 (${name}) ${state} ${fields.join(" ")}\n`;
}

describe("a process's stat", () => {
  test("has its parent, threads, start and exit, whatever its name is", () => {
    const expected = { state: "S", parentPid: 1, threads: 3, startTicks: "7700", exitStatus: 256 };
    expect(parseProcessStat(stat("S", 3))).toEqual(expected);
    expect(parseProcessStat(stat("S", 3, "a) Z 1 2 (b"))).toEqual(expected);
  });

  test.each(["", "12 (node) S 1 2", "12 (node", stat("S", 1).replace("7700", "-7")])(
    "is null for %j",
    (text) => {
      expect(parseProcessStat(text)).toBeNull();
    },
  );

  test.each([
    ["S", 1, false],
    ["D", 2, false],
    ["Z", 1, true],
    ["X", 1, true],
    ["Z", 2, false],
  ])("in state %s with %i threads has ended: %s", (state, threads, expected) => {
    expect(hasEnded(parseProcessStat(stat(state, threads))!)).toBe(expected);
  });
});
