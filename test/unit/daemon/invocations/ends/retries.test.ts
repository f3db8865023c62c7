// Commands that fail run again as often as their owner allows, and no oftener.

import { expect, test } from "@jest/globals";
import type { Store } from "../../../../../src/core/ports/store.js";
import { retriedOr } from "../../../../../src/daemon/invocations/ends/retries.js";
import type { Live } from "../../../../../src/daemon/state/live-invocation.js";
import type { AttemptState } from "../../../../../src/model/invocation.js";

const own = { next: "FAILED", reason: null } as const;
const failed = { end: "FAILED", exitCode: 3, reason: null } as const;

function next(
  earlier: readonly AttemptState[],
  end: object = failed,
  { retries = 2 as number | null, endReason = null as string | null, before = own as object } = {},
) {
  const attempts = [...earlier, "RUNNING"].map((state) => ({ state }));
  const store = { listAttempts: async () => attempts } as unknown as Store;
  const schedule = retries === null ? null : { retries };
  const live = { id: 1, endReason, submission: { schedule } } as unknown as Live;
  return retriedOr(store, live, end as never, before as never);
}

test("a failure is retried until the retries are used up; evictions use none", async () => {
  expect(await next([])).toEqual({
    next: "PENDING",
    reason: "it failed (exit code 3): retry 1 of 2",
  });
  expect(await next(["EVICTED", "EVICTED", "FAILED"])).toMatchObject({ next: "PENDING" });
  expect(await next(["FAILED", "EVICTED", "FAILED"])).toEqual(own);
});

test("nothing else is retried", async () => {
  expect(await next([], failed, { retries: null })).toEqual(own);
  expect(await next([], failed, { endReason: "cancelled by ada" })).toEqual(own);
  const done = { next: "COMPLETED", reason: null };
  expect(await next([], { ...failed, end: "COMPLETED", exitCode: 0 }, { before: done })).toBe(done);
  const late = { next: "TIMEOUT", reason: null };
  expect(await next([], { ...failed, end: "TIMEOUT" }, { before: late })).toBe(late);
});
