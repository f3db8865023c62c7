// What is warm of a version for one user, in words: for `glean explain` and `glean function show`.

import { nowMs } from "../../clock.js";
import { explainWarm } from "../../core/explain/warm-workers.js";
import { type WorkerKind, workerKey } from "../../model/call.js";
import type { FunctionSettings } from "../../model/functions/settings.js";
import type { Registry } from "../state/registry.js";

export interface WarmViewDependencies {
  readonly registry: Pick<Registry, "all">;
  readonly keepAlive: { keptMs(workerKey: string): number | null };
}

export type WarmSettings = Pick<FunctionSettings, "idleTimeoutMs" | "minWarm">;

/** `settings` with a `minWarm` of 0 for whom no worker is kept: all but the owner. */
export function describeWarm(
  { registry, keepAlive }: WarmViewDependencies,
  kind: WorkerKind,
  settings: WarmSettings,
): readonly string[] {
  const key = workerKey(kind);
  const nodes = registry
    .all()
    .map(({ node, idleWorkers }) => ({
      node,
      idle: idleWorkers.left.get(key) ?? 0,
      ahead: idleWorkers.aheadOf(key),
    }))
    .filter(({ idle, ahead }) => idle > 0 || ahead !== null);
  return explainWarm({ ...settings, keepMs: keepAlive.keptMs(key), nodes }, nowMs());
}
