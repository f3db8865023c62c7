// Lists the invocations that match a filter, less the tasks that wait as runs.

import type { InvocationFilter } from "../../../../core/ports/store.js";
import { isFinal } from "../../../../model/invocation.js";
import type { Connection } from "../../database.js";
import { columns, type InvocationRow, tables } from "./invocation-rows.js";
import { statementCache } from "./preparing.js";

export function matchingLister(
  database: Connection,
): (filter: InvocationFilter) => InvocationRow[] {
  const statementOf = statementCache<InvocationRow>(database);
  return (filter) => {
    const where = conditionsOf(filter).join(" AND ");
    return statementOf(
      `SELECT ${columns} FROM ${tables} WHERE ${where} ORDER BY i.id LIMIT @limit`,
    ).all({
      uid: filter.uid,
      ids: JSON.stringify(filter.ids),
      arrayJobId: filter.arrayJobId,
      arrayTaskId: filter.arrayTaskId,
      states: JSON.stringify(filter.states),
      sinceMs: filter.sinceMs,
      limit: filter.limit,
    });
  };
}

/** Fixed pieces of SQL; all values are bound. */
function conditionsOf(filter: InvocationFilter): readonly string[] {
  const where = ["TRUE"];
  if (filter.uid !== undefined) where.push("s.owner_uid = @uid");
  if (filter.ids !== undefined) where.push("i.id IN (SELECT value FROM json_each(@ids))");
  if (filter.arrayJobId !== undefined)
    // The tasks' ids follow the array's own: a range of the primary key, without another index.
    where.push(
      `i.submission = @arrayJobId AND i.array_task_id IS NOT NULL AND i.id BETWEEN @arrayJobId
         AND @arrayJobId + (SELECT tasks FROM submission WHERE id = @arrayJobId) - 1`,
    );
  if (filter.arrayTaskId !== undefined) where.push("i.array_task_id = @arrayTaskId");
  if (filter.states !== undefined) {
    where.push("i.state IN (SELECT value FROM json_each(@states))");
    if (!filter.states.some(isFinal)) where.push("i.ended_at_ms IS NULL");
  }
  // As with sacct -S: invocations that still existed at that time, or came later.
  if (filter.sinceMs !== undefined)
    where.push("(i.ended_at_ms IS NULL OR i.ended_at_ms >= @sinceMs)");
  return where;
}
