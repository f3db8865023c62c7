// How a simulated worker ends, as its glean-spawn and its call have it.

import type { RunEnd } from "../../../../src/executor/runtimes/runtime.js";

type Failed = RunEnd & { readonly kind: "failed" };

export const nothingRan = { exitCode: 0, signal: 0, oomKills: 0 };

export const withoutFolder: Failed = {
  ...{ kind: "failed", stage: "chdir", errno: 2, heldMs: 1 },
  message: "its folder is not there",
};

export const killedFirst: Failed = {
  ...{ kind: "failed", stage: "start", errno: 0, heldMs: 0 },
  message: "killed before it began",
};
