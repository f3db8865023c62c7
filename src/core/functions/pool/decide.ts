// Decides which idle workers to stop and which to start ahead, on which nodes.

import { relievePressure } from "./pressure.js";
import { decideStarts } from "./starts.js";
import type { IdleWorker, PoolDecision, PoolState } from "./state.js";
import { type Kept, matchUses, type TimeLeft, type Use, usesOf } from "./uses.js";

/**
 * First the idle workers of each function are matched with the uses that it expects; a worker
 * without a use stops. Then each node gives back the memory that its hole demands. Last, uses
 * without a worker get one where there is room.
 */
export function decidePool({ nowMs, functions, workers, nodes }: PoolState): PoolDecision {
  const timeLeft: TimeLeft = new Map(
    nodes.map(({ node, endsAtMs }) => [node, (endsAtMs ?? Number.POSITIVE_INFINITY) - nowMs]),
  );
  const byKey = new Map<string, IdleWorker[]>(functions.map(({ key }) => [key, []]));
  const orphans = workers.filter(({ key, node }) => !(byKey.has(key) && timeLeft.has(node)));
  for (const worker of workers) if (timeLeft.has(worker.node)) byKey.get(worker.key)?.push(worker);
  const kept: Kept[] = [];
  const unfilled: Use[] = [];
  const stop: PoolDecision["stop"][number][] = [];
  for (const each of functions) {
    const matching = matchUses(usesOf(each), byKey.get(each.key)!, timeLeft);
    kept.push(...matching.kept);
    unfilled.push(...matching.unfilled);
    stop.push(...matching.stop);
  }
  for (const { id } of orphans) stop.push({ worker: id, reason: "unwanted" });
  const relief = relievePressure(kept, nodes);
  const started = decideStarts([...unfilled, ...relief.uses], relief.kept, nodes, timeLeft);
  return {
    stop: [...stop, ...relief.stop, ...started.stop],
    start: started.start,
    nextAtMs: Math.min(...functions.map(({ outlook }) => outlook.changesAtMs)),
  };
}
