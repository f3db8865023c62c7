// Tests and benchmarks start gleanerd with the unit's options and variables.

import { expect, test } from "@jest/globals";
import { unitStart } from "../../../scripts/site/unit.js";

test("the unit's options of node and its variables are found", () => {
  expect(unitStart()).toEqual({
    nodeOptions: ["--inspect-port=240.0.0.1:0", "--max-semi-space-size=4"],
    environment: { MALLOC_ARENA_MAX: "1", MALLOC_MMAP_THRESHOLD_: "131072" },
  });
});
