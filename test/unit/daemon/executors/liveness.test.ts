// An executor that does not connect in time: the sentence says where its reason is.

import { afterEach, expect, jest, test } from "@jest/globals";
import { Liveness } from "../../../../src/daemon/executors/liveness.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import { executorId, nodeName } from "../../../../src/model/ids.js";

let liveness: Liveness;
afterEach(() => liveness.close());

const lateDetail = (record: ExecutorRecord): Promise<string> =>
  new Promise((resolve) => {
    liveness = new Liveness({
      launcher: { probe: jest.fn<() => Promise<"running">>() },
      adoptMs: 1,
      late: (_, detail) => resolve(detail),
      gone: () => undefined,
    });
    liveness.expect(record, 1);
  });
const made = (placement: "direct" | "pilot") =>
  new ExecutorRecord(executorId("x1"), nodeName("n1"), "n1", 0, placement);

test.each([
  ["direct", "executor"],
  ["pilot", "pilot"],
] as const)("of placement %s: the %s's log on its node", async (placement, log) => {
  expect(await lateDetail(made(placement))).toBe(
    `it did not connect within 1 ms: look into ${log}-n1.log on its node (logDirectory)`,
  );
});

test("of a pilot that Slurm makes wait: Slurm's reason", async () => {
  const record = made("pilot");
  record.waitReason = "Resources";
  expect(await lateDetail(record)).toMatch(/: Slurm makes its pilot wait \(Resources\)$/);
});
