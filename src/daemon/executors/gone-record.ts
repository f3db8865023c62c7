// Records the end of an executor durably.

import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import type { Store } from "../../core/ports/store.js";
import { messageOf } from "../../model/errors.js";
import type { ExecutorRecord } from "../state/executor-record.js";

/** An executor that stays on record as live is probed at the next start and found gone. */
export async function recordGone(
  record: ExecutorRecord,
  reason: string,
  { store, log }: { readonly store: Store; readonly log: Logger },
): Promise<void> {
  try {
    await store.saveExecutor(record.toRow({ atMs: nowMs(), reason }));
  } catch (cause) {
    const problem = { executor: record.id, cause: messageOf(cause) };
    record.log.say((suppressed) =>
      log.error({ ...problem, suppressed }, "cannot record the end of an executor"),
    );
  }
}
