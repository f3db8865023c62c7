// Which tasks of an array may be ordered together.

import { expect, test } from "@jest/globals";
import { digestOf } from "../../../../src/core/submission/digest.js";
import { taskOf } from "../../../../src/daemon/invocations/places.js";
import { invocationId } from "../../../../src/model/ids.js";
import type { SubmissionDigest } from "../../../../src/model/invocation.js";
import { newState } from "../../../support/daemon/state.js";
import { invocation, submission } from "../../../support/nouns.js";

const array = invocationId(1);

test.each<[string, Partial<SubmissionDigest>, number | null]>([
  ["usual tasks may", {}, array],
  [
    "not with --no-requeue: what comes back without having begun would count",
    { schedule: { once: true } },
    null,
  ],
  ["not with a checkpoint", { checkpointIn: "/home/ann" }, null],
])("%s", (_what, change, expected) => {
  const { live } = newState();
  const first = invocation({ id: array, arrayJobId: array, arrayTaskId: 0 });
  const digest = { ...digestOf(1_000, submission()), ...change };
  live.addRun({ invocation: first, digest }, { count: 5, step: 1 });
  expect(taskOf(live, invocationId(3))?.array ?? null).toBe(expected);
});
