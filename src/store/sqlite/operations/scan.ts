// Lists in pieces: each call examines a limited number of rows, so that no reader delays another.

import type { Scan, ScanFilter } from "../../../core/ports/store.js";
import type { InvocationState } from "../../../model/invocation.js";
import type { Connection } from "../database.js";
import { columns, type InvocationRow, invocationOf, tables } from "./invocation-rows.js";

/** Rows examined in one call: about 5 ms. */
const scannedRows = 5_000;
/** Rows found in one call: about 5 ms as well. */
const foundRows = 500;
/** Rows of the index examined for the first invocation of a period: about 100 ms. */
const maxSinceRows = 1_000_000;

/** The columns that decide whether a row is listed. */
interface Candidate {
  readonly id: number;
  readonly state: InvocationState;
  readonly array_task_id: number | null;
  readonly ended_at_ms: number | null;
}

interface From {
  readonly uid?: number | undefined;
  readonly arrayJobId?: number | undefined;
  readonly afterId: number;
  readonly limit: number;
}

export function invocationScanner(
  database: Connection,
): (filter: ScanFilter, afterId: number) => Scan {
  const candidate = "i.id, i.state, i.array_task_id, i.ended_at_ms";
  const all = database.prepare<From, Candidate>(
    `SELECT ${candidate} FROM invocation AS i WHERE i.id > @afterId ORDER BY i.id LIMIT @limit`,
  );
  // A submission's invocations have consecutive ids, so this order is that of the ids.
  const ofUser = database.prepare<From, Candidate>(
    `SELECT ${candidate} FROM submission AS s JOIN invocation AS i ON i.submission = s.id
     WHERE s.owner_uid = @uid AND i.id > @afterId
       AND s.id >= coalesce((SELECT submission FROM invocation WHERE id = @afterId), 0)
     ORDER BY s.id, i.id LIMIT @limit`,
  );
  const ofArray = database.prepare<From, Candidate>(
    `SELECT ${candidate} FROM invocation AS i WHERE i.submission = @arrayJobId AND i.id > @afterId
       AND i.array_task_id IS NOT NULL ORDER BY i.id LIMIT @limit`,
  );
  const rowsOf = database.prepare<[string], InvocationRow>(
    `SELECT ${columns} FROM ${tables} WHERE i.id IN (SELECT value FROM json_each(?)) ORDER BY i.id`,
  );
  const firstSince = sinceFinder(database);
  return (filter, afterId) => {
    const { arrayJobId, uid, sinceMs } = filter;
    const isFirst = afterId === 0 && sinceMs !== undefined && arrayJobId === undefined;
    const after = isFirst ? firstSince(sinceMs) - 1 : afterId;
    const statement = arrayJobId !== undefined ? ofArray : uid !== undefined ? ofUser : all;
    const scanned = statement.all({ uid, arrayJobId, afterId: after, limit: scannedRows });
    const matching = scanned.filter((each) => matches(each, filter));
    const ids = matching.slice(0, foundRows).map(({ id }) => id);
    const found = rowsOf.all(JSON.stringify(ids)).map(invocationOf);
    if (matching.length > foundRows) return { found, scannedTo: ids.at(-1)! };
    return { found, scannedTo: scanned.length < scannedRows ? null : scanned.at(-1)!.id };
  };
}

function matches(row: Candidate, { states, sinceMs, arrayTaskId }: ScanFilter): boolean {
  if (states !== undefined && !states.includes(row.state)) return false;
  if (arrayTaskId !== undefined && row.array_task_id !== arrayTaskId) return false;
  // As with sacct -S: invocations that still existed at that time, or came later.
  return sinceMs === undefined || row.ended_at_ms === null || row.ended_at_ms >= sinceMs;
}

/**
 * Returns a function that finds an id before which no invocation of a period lies: this skips most
 * old ones.
 */
function sinceFinder(database: Connection): (sinceMs: number) => number {
  const firstLive = database
    .prepare<[], number | null>("SELECT min(id) FROM invocation WHERE ended_at_ms IS NULL")
    .pluck();
  const firstEnded = database.prepare<
    { sinceMs: number; limit: number },
    { first: number | null; count: number }
  >(
    `SELECT min(id) AS first, count(*) AS count FROM
       (SELECT id FROM invocation WHERE ended_at_ms >= @sinceMs LIMIT @limit)`,
  );
  return (sinceMs) => {
    const { first, count } = firstEnded.get({ sinceMs, limit: maxSinceRows })!;
    if (count === maxSinceRows) return 1;
    const none = Number.MAX_SAFE_INTEGER;
    return Math.min(first ?? none, firstLive.get() ?? none);
  };
}
