// Which nodes give no GPUs to functions, as glean explain and glean doctor say it.

import { expect, test } from "@jest/globals";
import { findHoles } from "../../../../src/core/capacity/holes.js";
import { gpuProblems } from "../../../../src/daemon/capacity/gpu-problems.js";
import { ExecutorRecord } from "../../../../src/daemon/state/executor-record.js";
import { executorId, nodeName } from "../../../../src/model/ids.js";
import { newState } from "../../../support/daemon/state.js";
import { context, node, policy, snapshot } from "../../../support/nouns.js";

test("GPU problems are those that Slurm's record shows, and those that executors report", () => {
  const names = ["sliced", "files", "sound", "full"].map(nodeName);
  const nodes = names.map((name) => node({ name, gpuCount: 2 }));
  nodes[0] = { ...nodes[0]!, gpuProblem: "slices" };
  nodes[3] = { ...nodes[3]!, gpuProblem: "slices", baseState: "ALLOCATED", allocatedCores: 16 };
  const holes = findHoles(snapshot({ nodes }), policy, context());
  const plan = { ...holes, steps: [], madeFromMs: 0 };
  const { registry } = newState();
  const record = new ExecutorRecord(executorId("x1"), names[1]!, "127.0.0.1", 0);
  record.gpuProblem = "2 files";
  registry.add(record);
  expect(gpuProblems({ plan }, registry)).toEqual([
    { node: "sliced", reason: "slices" },
    { node: "files", reason: "2 files" },
  ]);
  expect(gpuProblems({ plan: null }, registry)).toEqual([]);
});
