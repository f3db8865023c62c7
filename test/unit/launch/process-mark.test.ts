// The executor's mark and /proc/PID/stat, with the texts that could mislead.

import { describe, expect, test } from "@jest/globals";
import { isRunning, parseProcessMark, startTicksOf } from "../../../src/launch/process-mark.js";
import { executorId } from "../../../src/model/ids.js";

const stat = (name: string, state: string, startTicks: string) =>
  `12 (${name}) ${state} ${Array(18).fill(1).join(" ")} ${startTicks} 0 0\n`;

describe("process mark", () => {
  test("is read from its lines in any order, ignoring unknown ones", () => {
    expect(parseProcessMark("startTicks=77\nkill=/x\npid=12\n")).toEqual({
      pid: 12,
      startTicks: "77",
      executor: null,
    });
  });

  test.each([
    "",
    "pid=12\n",
    "pid=0\nstartTicks=1\n",
    "pid=1;rm\nstartTicks=1\n",
    "pid=-1\nstartTicks=1\n",
  ])("does not accept %j", (text) => {
    expect(parseProcessMark(text)).toBeNull();
  });

  test("has a start time that a program's name cannot forge", () => {
    expect(startTicksOf(stat("a) S 1 2 (b", "S", "77"))).toBe("77");
  });

  test("counts zombies and truncated texts as dead", () => {
    expect(startTicksOf(stat("node", "Z", "77"))).toBeNull();
    expect(startTicksOf("12 (node) S 1 2")).toBeNull();
    expect(startTicksOf("")).toBeNull();
  });

  test("does not match another process with the same pid, or another executor", () => {
    const mark = { pid: 12, startTicks: "77", executor: "e1" };
    expect(isRunning(mark, executorId("e1"), stat("node", "S", "77"))).toBe(true);
    expect(isRunning(mark, executorId("e1"), stat("node", "S", "78"))).toBe(false);
    expect(isRunning(mark, executorId("e2"), stat("node", "S", "77"))).toBe(false);
    expect(isRunning({ ...mark, executor: null }, executorId("e2"), stat("node", "S", "77"))).toBe(
      true,
    );
  });
});
