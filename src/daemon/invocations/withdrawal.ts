// Ends invocations that wait in the queue, in one transaction.

import { nowMs, setImmediate } from "../../clock.js";
import type { Store } from "../../core/ports/store.js";
import { assert } from "../../model/errors.js";
import type { LiveInvocations } from "../state/live.js";
import type { Live } from "../state/live-invocation.js";

/**
 * How many are examined or ended per turn of the event loop: about 10 ms, so that other requests
 * are answered meanwhile.
 */
export const perTurn = 5_000;

interface Deps {
  readonly live: LiveInvocations;
  readonly store: Pick<Store, "endPending">;
}

/** They were removed from the queue first, so that none begins while its end is written. */
export async function endWithdrawn(
  { live, store }: Deps,
  withdrawn: readonly Live[],
  state: "CANCELLED" | "FAILED",
  reason: string,
): Promise<void> {
  if (withdrawn.length === 0) return;
  const endedAtMs = nowMs();
  const ids = withdrawn.map(({ invocation }) => invocation.id);
  let ended: number;
  try {
    ended = await store.endPending(ids, state, reason, endedAtMs);
  } catch (thrown) {
    for (const each of withdrawn) live.restore(each);
    throw thrown;
  }
  assert(ended === ids.length, "what was withdrawn was pending in the store");
  for (const [at, each] of withdrawn.entries()) {
    if (at % perTurn === perTurn - 1) await new Promise<void>((resolve) => setImmediate(resolve));
    live.finish(each, { state, reason, endedAtMs });
  }
}
