// Ends invocations that wait in the queue, in one transaction.

import { nowMs } from "../../clock.js";
import type { IdRange, Store } from "../../core/ports/store.js";
import { isTurnOver, nextTurn } from "../../limits/turns.js";
import { assert } from "../../model/errors.js";
import type { LiveInvocations } from "../state/live.js";
import type { Live } from "../state/live-invocation.js";
import type { LiveRun } from "../state/live-run.js";
import { record } from "./call-records.js";

interface Deps {
  readonly live: LiveInvocations;
  readonly store: Pick<Store, "endPending" | "recordCall">;
}

/** What was removed from the queue, so that none begins while its end is written. */
export interface Withdrawn {
  readonly singles: readonly Live[];
  readonly runs: readonly LiveRun[];
}

export async function endWithdrawn(
  { live, store }: Deps,
  { singles, runs }: Withdrawn,
  state: "CANCELLED" | "FAILED",
  reason: string,
): Promise<void> {
  if (singles.length + runs.length === 0) return;
  const endedAtMs = nowMs();
  const ranges: IdRange[] = [
    ...singles.map(({ id }): IdRange => [id, id]),
    ...runs.map(({ fromId, toId }): IdRange => [fromId, toId]),
  ];
  let ended: number;
  try {
    // What is not on record yet could not be ended there.
    const calls = new Set(ranges.flatMap(([id]) => live.unrecorded.get(id) ?? []));
    await Promise.all([...calls].map((call) => record(store, live.unrecorded, call)));
    ended = await store.endPending(ranges, state, reason, endedAtMs);
  } catch (thrown) {
    for (const each of singles) live.restore(each);
    for (const each of runs) live.restoreRun(each);
    throw thrown;
  }
  const withdrawn = runs.reduce((sum, { count }) => sum + count, singles.length);
  assert(ended === withdrawn, "what was withdrawn was pending in the store");
  for (const [at, each] of runs.entries()) {
    if (isTurnOver(at)) await nextTurn();
    live.finishRun(each);
  }
  for (const [at, each] of singles.entries()) {
    if (isTurnOver(at)) await nextTurn();
    live.finish(each, { state, reason, endedAtMs });
  }
}
