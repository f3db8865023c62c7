// Executors: enough of each to recognise it after a restart.

import type { ExecutorRow } from "../../../core/ports/store.js";
import type { Connection } from "../database.js";
import type { Operations } from "../signatures.js";

export function executorWrites(database: Connection): Operations<"saveExecutor"> {
  const save = database.prepare<ExecutorRow>(
    `INSERT INTO executor (id, node, address, placement, state, started_at_ms, gone_at_ms, gone_reason)
     VALUES (@id, @node, @address, @placement, @state, @startedAtMs, @goneAtMs, @goneReason)
     ON CONFLICT (id) DO UPDATE SET state = excluded.state, started_at_ms = excluded.started_at_ms,
       gone_at_ms = excluded.gone_at_ms, gone_reason = excluded.gone_reason`,
  );
  const replace = database.prepare<ExecutorRow>(
    `UPDATE executor SET state = 'gone', gone_at_ms = @startedAtMs, gone_reason = 'another was started on its node'
     WHERE node = @node AND state = 'live' AND id <> @id`,
  );
  return {
    saveExecutor(row) {
      // The end of an earlier one may not be recorded yet, or could not be written: a node has one
      // live executor.
      if (row.state === "live") replace.run(row);
      save.run(row);
    },
  };
}

/** Loads only live ones: gone ones are history, and their number grows without limit. */
export function executorReads(database: Connection): Operations<"loadExecutors"> {
  const select = database.prepare<[], ExecutorRow>(
    `SELECT id, node, address, placement, state, started_at_ms AS startedAtMs, gone_at_ms AS goneAtMs,
       gone_reason AS goneReason
     FROM executor WHERE state = 'live' ORDER BY started_at_ms, id`,
  );
  return { loadExecutors: () => select.all() };
}
