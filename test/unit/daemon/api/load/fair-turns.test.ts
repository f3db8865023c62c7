// Requests begin one at a time, each user's in turn.

import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { FairTurns } from "../../../../../src/daemon/api/server/fair-turns.js";

/** Enters the users' requests in this order; returns who has begun so far. */
function entered(turns: FairTurns, users: readonly number[]): number[] {
  const begun: number[] = [];
  for (const uid of users) void turns.enter(uid).then(() => begun.push(uid));
  return begun;
}

test("a user's request waits for one request of each other user", async () => {
  const begun = entered(new FairTurns(), [1, 1, 1, 1, 2, 2, 3]);
  while (begun.length < 7) await turn();
  expect(begun).toEqual([1, 2, 3, 1, 2, 1, 1]);
});

test("each turn of the event loop begins one request", async () => {
  const begun = entered(new FairTurns(), [1, 1, 1]);
  const counts: number[] = [];
  while (begun.length < 3) {
    await turn();
    counts.push(begun.length);
  }
  expect(counts.every((count, index) => count <= index + 1)).toBe(true);
});
