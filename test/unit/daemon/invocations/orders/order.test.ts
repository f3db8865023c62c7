// The order for an attempt: files and limits as a batch job gets them of its submitter.

import { expect, test } from "@jest/globals";
import { orderFor } from "../../../../../src/daemon/invocations/orders/order.js";
import { invocationId, nodeName } from "../../../../../src/model/ids.js";
import type { Submission } from "../../../../../src/model/invocation.js";
import * as made from "../../../../support/nouns.js";

const task = made.invocation({
  id: invocationId(45),
  arrayJobId: invocationId(42),
  arrayTaskId: 3,
  attempt: 1,
});
const order = (change: Partial<Submission>, invocation = task) =>
  orderFor(invocation, nodeName("n1"), { submission: made.submission(change), input: null }, null);

test("an order has the umask, the limits, the input and the folder of its submission", () => {
  const change = {
    umask: 0o077,
    limits: ["stack:unlimited"],
    stdinPattern: "in-%a",
    submitDirectory: "/home/ann/project",
  };
  expect(order(change)).toMatchObject({
    umask: 0o077,
    limits: ["stack:unlimited"],
    stdinPath: "/home/ann/in-3",
    environment: { SLURM_SUBMIT_DIR: "/home/ann/project" },
  });
  expect(order({})).toMatchObject({ environment: { SLURM_SUBMIT_DIR: "/home/ann" } });
});

test.each<[string, Partial<Submission>, object]>([
  ["one output for all tasks", { stdoutPattern: "log" }, { keepSinceMs: 90_000 }],
  ["one error file for all tasks", { stderrPattern: "%x.err" }, { keepSinceMs: 90_000 }],
  ["an output for each task", { stdoutPattern: "%A_%a" }, {}],
  ["an output for each id", { stdoutPattern: "%j" }, {}],
  ["--open-mode", { stdoutPattern: "log", openMode: "truncate" }, { openMode: "truncate" }],
])("tasks of an array keep what the others wrote: %s", (_name, change, expected) => {
  const { openMode, keepSinceMs } = order(change);
  expect({
    ...(openMode !== undefined && { openMode }),
    ...(keepSinceMs !== undefined && { keepSinceMs }),
  }).toEqual(expected);
});

test("a single invocation empties its output", () => {
  const single = made.invocation();
  expect(order({ stdoutPattern: "log" }, single)).not.toHaveProperty("keepSinceMs");
});

test("an attached command is ordered with its tasks and the key of its run", () => {
  const client = { hosts: ["login1"], port: 60_001, socket: "gleaner-run-1", bootId: "" };
  const command = { kind: "attached" as const, argv: ["hostname"], client };
  const documents = {
    submission: made.submission({ command, ntasks: 4 }),
    input: null,
    runKey: (id: number) => Buffer.from([id]),
  };
  expect(orderFor(task, nodeName("n1"), documents, null).command).toEqual({
    ...command,
    tasks: 4,
    key: Buffer.from([45]),
  });
});
