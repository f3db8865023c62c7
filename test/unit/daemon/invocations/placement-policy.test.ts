// placement.policy: a site chooses whether functions find their places by what was learned.

import { expect, test } from "@jest/globals";
import { place } from "../../../../src/core/placement/placement.js";
import { WaitingQueue } from "../../../../src/core/placement/queue.js";
import { policyOf } from "../../../../src/daemon/invocations/dispatch.js";
import { executorId, invocationId } from "../../../../src/model/ids.js";
import { Learner } from "../../../../src/sim/learner.js";

const slot = (name: string, openedAtMs: number) => ({
  ...{ executor: executorId(name), budgetCores: 1, budgetMemoryMb: 1_000, freeCores: 1 },
  ...{ freeMemoryMb: 1_000, endsAtMs: null, kind: "wholeNode" as const, openedAtMs },
});

test.each([
  ["prediction", "long"],
  ["none", "short"],
] as const)("%s gives the old hole to the %s work, which waited", (placesBy, first) => {
  const hourMs = 3_600_000;
  const queue = new WaitingQueue();
  for (const [id, timeLimitMs] of [
    [1, 10],
    [2, hourMs],
  ] as const)
    queue.add({
      ...{ id: invocationId(id), user: "u", cores: 1, memoryMb: 100, gpus: 0 },
      ...{ timeLimitMs, submittedAtMs: 0, functionKey: `f${id}` },
    });
  const policy = policyOf({ prediction: new Learner(200), placesBy });
  const slots = [slot("young", 10 * hourMs), slot("old", 0)];
  const placed = place(queue, slots, new Map(), 10 * hourMs, policy);
  const onOld = placed.find(({ executor }) => executor === "old")?.invocation;
  expect(onOld).toBe(first === "long" ? 2 : 1);
});
