// Requests begin in turn: each user's, and while connections arrive, few.

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

/** In which turns of the event loop two requests begin while each accepts so many connections. */
async function turnsOfTwo(acceptsPerTurn: number): Promise<number[]> {
  const turns = new FairTurns();
  const begun = entered(turns, [1, 2]);
  const begunAt: number[] = [];
  for (let at = 1; begun.length < 2 && at < 100; at++) {
    const before = begun.length;
    for (let accepted = 0; accepted < acceptsPerTurn; accepted++) turns.accepted();
    await turn();
    if (begun.length > before) begunAt.push(at);
  }
  expect(begun).toEqual([1, 2]);
  return begunAt;
}

test("while connections are accepted, every eighth lets a request begin", async () => {
  const [one, two] = await turnsOfTwo(1);
  expect(two! - one!).toBe(8);
  const [first, second] = await turnsOfTwo(4);
  expect(second! - first!).toBe(2);
});

test("a turn begins one request however many connections it accepts", async () => {
  const [first, second] = await turnsOfTwo(64);
  expect(second! - first!).toBe(1);
});
