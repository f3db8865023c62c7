// What a node may report of the end of an attempt.

import { expect, test } from "@jest/globals";
import { doubtOfEnd } from "../../../../src/core/accounting/plausibility.js";

const order = {
  ...{ cores: 1, memoryMb: 100, timeLimitMs: 60_000, leadMs: 0, killWaitMs: 0 },
  ...{ elapsedMs: 10, isCancelled: null },
};
const said = { exitCode: 0, signal: null, wallMs: 5, cpuMs: 5, maxRssMb: 1, agoMs: 0 };

test("only a failed attempt can have been interrupted", () => {
  const interrupted = (end: "COMPLETED" | "FAILED" | "EVICTED") =>
    doubtOfEnd({ ...said, end, isInterrupted: true }, order);
  expect(interrupted("FAILED")).toBeNull();
  expect(interrupted("COMPLETED")).toBe("it is reported as interrupted, but as COMPLETED");
  expect(interrupted("EVICTED")).toBe("it is reported as interrupted, but as EVICTED");
});
