// The options that a limit of the site refuses.

import { expect, test } from "@jest/globals";
import { refusedOptions } from "../../../../src/core/submission/refused-options.js";

const largest = { cores: 8, memoryMb: 1_000, gpus: 0 };
const asked = { cores: 1, memoryMb: 100, gpus: 0, timeLimitMs: 5 };

test("are those above the limits, and what no node has", () => {
  expect(refusedOptions(asked, largest, 5)).toEqual([]);
  const more = { cores: 9, memoryMb: 1_001, gpus: 1, timeLimitMs: 6 };
  expect(refusedOptions(more, largest, 5)).toEqual(["time", "cpus-per-task", "gpus", "mem"]);
  const where = { constraint: "ib", temporaryMb: 7 };
  const none = { cores: 0, memoryMb: 0, gpus: 0 };
  expect(refusedOptions({ ...asked, where }, none, 5)).toEqual(["constraint", "tmp"]);
  expect(refusedOptions(more, null, 9)).toEqual([]);
});
