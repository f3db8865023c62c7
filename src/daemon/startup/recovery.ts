// Restores the live state from the durable records after a restart, and waits for executors that
// still run.

import { nowMs } from "../../clock.js";
import type { LiveInvocation, Store } from "../../core/ports/store.js";
import { assert } from "../../model/errors.js";
import type { Attempt } from "../../model/invocation.js";
import { lostFacts } from "../invocations/ends/end-facts.js";
import type { Settler } from "../invocations/settle.js";
import { mostElapsedMs } from "../state/elapsed.js";
import { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
import type { Registry } from "../state/registry.js";
import type { Parts } from "./assemble.js";
import { RecoveredPlaces } from "./recovered-places.js";

const livePage = 2_000;

export interface RecoveryDependencies {
  readonly store: Store;
  readonly live: LiveInvocations;
  readonly registry: Registry;
  readonly settler: Settler;
  /** Waits for an executor to reconnect, and gives it up if it does not. */
  readonly expect: (record: ExecutorRecord) => void;
}

/** Takes over what an earlier daemon left, before anybody can connect. */
export async function recover(parts: Parts, store: Store): Promise<void> {
  await parts.drains.load();
  await parts.learning.load();
  const expect = (record: ExecutorRecord) => parts.executors.expectBack(record);
  await restore({ ...parts, store, expect });
  parts.leases.recover();
  await parts.checkpoints.load();
  await parts.blobs.load();
}

/** An earlier daemon sent its order; the notice that it requested is on disk. */
const assignedTo = (attempt: Attempt) => ({
  executor: attempt.executor,
  ordered: { atMs: nowMs() - mostElapsedMs(attempt), leadMs: Number.POSITIVE_INFINITY },
});

/** Resolves when everything that was accepted is live again. */
async function restore(deps: RecoveryDependencies): Promise<void> {
  const { store, live, registry, settler, expect } = deps;
  const executors = (await store.loadExecutors()).filter((row) => row.state === "live");
  for (const row of executors) {
    assert(
      registry.onNode(row.node) === undefined,
      `node ${row.node} has one live executor on record`,
    );
    const { id, node, address, startedAtMs, placement } = row;
    const record = new ExecutorRecord(id, node, address, startedAtMs, placement);
    record.isAdopted = true;
    registry.add(record);
  }
  const running = new Map(
    (await store.loadRunningAttempts()).map((attempt) => [attempt.invocation, attempt]),
  );
  const places = new RecoveredPlaces(running);
  for await (const recovered of allLive(store)) {
    const { id } = recovered.invocation;
    if (recovered.run !== undefined) {
      live.addRun(recovered, recovered.run);
      continue;
    }
    const attempt = running.get(id);
    if (attempt === undefined) live.add(recovered, null);
    else live.add(recovered, assignedTo(attempt), places.of(attempt));
    if (attempt === undefined || registry.get(attempt.executor) !== undefined) continue;
    const key = { invocation: id, attempt: attempt.number };
    await settler.settle(lostFacts(key, "its executor was gone when the daemon started"));
  }
  for (const record of registry.all()) expect(record);
}

/**
 * Page by page: otherwise everything waiting would be in memory twice for a moment, in both
 * threads.
 */
async function* allLive(store: Store): AsyncIterable<LiveInvocation> {
  let page: readonly LiveInvocation[];
  let afterId = 0;
  do {
    page = await store.loadLive(afterId, livePage);
    yield* page;
    const last = page.at(-1);
    if (last !== undefined) afterId = last.invocation.id + (last.run?.count ?? 1) - 1;
  } while (page.length === livePage);
}
