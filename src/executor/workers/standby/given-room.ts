// Which idle worker gives its memory to a spare, where none is free.

import type { WorkerKind } from "../../../model/call.js";
import type { ResourceRequest } from "../../../model/resources.js";

/** Among that many, the one used longest ago is seldom used again soon. */
const manyWorkers = 8;

interface Idle {
  /** That of its kind. */
  readonly key: string;
  readonly kind: WorkerKind;
  readonly idleSinceMs: number | null;
}

/**
 * The one of this user that was used longest ago, if there are many: a spare serves the next call
 * of any function. null if none is to go; of those that `warmWanted` counts none is.
 */
export function giverOf<Worker extends Idle>(
  idle: readonly Worker[],
  { uid, memoryMb }: Pick<ResourceRequest, "memoryMb"> & { readonly uid: number },
  warmWanted: ReadonlyMap<string, number>,
): Worker | null {
  const own = idle.filter(({ kind }) => kind.uid === uid && kind.gpus === 0);
  if (own.length < manyWorkers) return null;
  const isSurplus = ({ key }: Worker) =>
    own.filter((each) => each.key === key).length > (warmWanted.get(key) ?? 0);
  return (
    own
      .filter((each) => each.kind.memoryMb >= memoryMb && isSurplus(each))
      .sort((one, other) => one.idleSinceMs! - other.idleSinceMs!)[0] ?? null
  );
}
