// Bounded maps: what was remembered longest ago goes first.

import { expect, test } from "@jest/globals";
import { remember } from "../../../src/model/remember.js";

test("forgets what was remembered longest ago, beyond the limit only", () => {
  const map = new Map<string, number>();
  for (const [at, key] of ["a", "b", "a", "c"].entries()) remember(map, key, at, 2);
  expect([...map]).toEqual([
    ["a", 2],
    ["c", 3],
  ]);
});
