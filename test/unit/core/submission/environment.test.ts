// The environment of a worker: what a function's settings may say, and what they may not.

import { expect, test } from "@jest/globals";
import { callEnvironment } from "../../../../src/core/submission/environment.js";
import { nodeName } from "../../../../src/model/ids.js";

const environmentWith = (environment: Readonly<Record<string, string>>) =>
  callEnvironment(
    { cores: 2, memoryMb: 500 },
    { function: "ada/tile", version: "3f2a9c01", settings: { environment } },
    nodeName("n1"),
  );

const usual = {
  ...{ PATH: "/usr/local/bin:/usr/bin:/bin", LANG: "C.UTF-8", SLURMD_NODENAME: "n1" },
  ...{ GLEANER_FUNCTION: "ada/tile", GLEANER_VERSION: "3f2a9c01", GLEANER_NODE: "n1" },
  ...{ GLEANER_CPUS: "2", GLEANER_MEMORY_MB: "500" },
};

test.each([
  ["PATH", "/opt/bin"],
  ["LANG", "C"],
  ["OMP_NUM_THREADS", "2"],
  ["SLURM_CPUS_PER_TASK", "2"],
  ["SLURM_CONF", "/etc/slurm.conf"],
  ["GLEANER_CONF", "/etc/gleaner.yaml"],
  ["GLEANER_PURE_PYTHON", "1"],
])("a function may set %s", (name, value) => {
  expect(environmentWith({ [name]: value })).toEqual({ ...usual, [name]: value });
});

test.each(["GLEANER_CPUS", "GLEANER_INVOCATION_ID", "GLEANER_FUNCTION", "SLURMD_NODENAME"])(
  "a function may not set %s",
  (name) => {
    expect(environmentWith({ [name]: "other" })).toEqual(usual);
  },
);
