// Long lists of what has not ended: other requests have their turn meanwhile.

import { expect, jest, test } from "@jest/globals";
import { digestOf } from "../../../../../src/core/submission/digest.js";
import { newTasks } from "../../../../../src/core/submission/new-tasks.js";
import { foldedPieces, type Listed, livePieces } from "../../../../../src/daemon/api/listing.js";
import type { LiveInvocations } from "../../../../../src/daemon/state/live.js";
import { LiveRun } from "../../../../../src/daemon/state/live-run.js";
import type { ArrayTasks } from "../../../../../src/model/array-tasks.js";
import { invocationId } from "../../../../../src/model/ids.js";
import { newState } from "../../../../support/daemon/state.js";
import { countTurns } from "../../../../support/daemon/turns.js";
import { sampleRequest } from "../../../../support/store/samples.js";

const waiting = { states: ["PENDING", "RUNNING"] } as const;

function withArray(arrayTasks: ArrayTasks): LiveInvocations {
  const { live } = newState();
  const request = sampleRequest("array");
  const submission = { ...request.submission, arrayTasks };
  const digest = digestOf(request.owner.uid, submission);
  for (const { invocation, run } of newTasks({ ...request, submission }, invocationId(1)))
    live.addRun({ invocation, digest }, run!);
  return live;
}

/** Pairs of neighbours: a run each. */
const pairs = (count: number) =>
  Array.from({ length: 2 * count }, (_, at) => 5 * (at >> 1) + (at & 1));

async function idsIn(pieces: AsyncIterable<readonly Listed[]>): Promise<number[]> {
  const ids: number[] = [];
  for await (const piece of pieces) ids.push(...piece.map(({ id }) => id));
  return ids;
}

test("a list of 1,000 runs makes the entries of one piece before it is sent", async () => {
  const live = withArray(pairs(1_000));
  const made = jest.spyOn(LiveRun.prototype, "at");
  try {
    const pieces = foldedPieces(live, waiting)[Symbol.asyncIterator]();
    const first = (await pieces.next()).value as readonly Listed[];
    expect(first[0]).toMatchObject({ id: 1, run: { count: 2, step: 1 } });
    expect(made.mock.calls.length).toBe(first.length);
    expect(first.length).toBeLessThan(200);
  } finally {
    made.mockRestore();
  }
});

test.each([false, true])(
  "has each run once and in order, newest first: %s",
  async (newestFirst) => {
    const live = withArray(pairs(1_000));
    const expected = Array.from({ length: 1_000 }, (_, at) => 1 + 2 * at);
    expect(await idsIn(foldedPieces(live, { ...waiting, newestFirst }))).toEqual(
      newestFirst ? expected.reverse() : expected,
    );
  },
);

test("others have their turn while a list passes over 20,000 tasks that have ended", async () => {
  const live = withArray([{ from: 0, to: 19_999, step: 1 }]);
  const pieces = livePieces(live, waiting)[Symbol.asyncIterator]();
  await pieces.next();
  live.room.withdrawRuns([invocationId(1), invocationId(20_000)]);
  for (const run of [...live.room.runs()]) live.room.forgetRun(run);
  const turns = countTurns();
  const rest = (await pieces.next()).value as readonly Listed[];
  expect(turns.stop()).toBeGreaterThanOrEqual(3);
  expect(rest).toEqual([]);
});
