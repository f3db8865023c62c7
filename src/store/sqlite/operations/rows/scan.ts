// Lists in pieces: each call examines a limited number of rows, so that no reader delays another.

import type { Scan, ScanFilter } from "../../../../core/ports/store.js";
import type { InvocationState } from "../../../../model/invocation.js";
import type { Connection } from "../../database.js";
import { columns, type InvocationRow, invocationOf, tables } from "./invocation-rows.js";
import { firstAt, type RunRow, selectRuns, taskRow } from "./task-runs.js";

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
  const ascending = statementsFor(database, "ascending");
  const descending = statementsFor(database, "descending");
  const rowsOf = database.prepare<[string], InvocationRow>(
    `SELECT ${columns} FROM ${tables} WHERE i.id IN (SELECT value FROM json_each(?)) ORDER BY i.id`,
  );
  const firstSince = sinceFinder(database);
  return (filter, afterId) => {
    const { arrayJobId, arrayTaskId, uid, sinceMs, newestFirst = false } = filter;
    const isFirst =
      afterId === 0 && sinceMs !== undefined && arrayJobId === undefined && !newestFirst;
    const after = isFirst ? firstSince(sinceMs) - 1 : afterId;
    const { all, ofUser, ofArray } = newestFirst ? descending : ascending;
    const statements = arrayJobId !== undefined ? ofArray : uid !== undefined ? ofUser : all;
    const from = { uid, arrayJobId, afterId: after, limit: scannedRows };
    const single = statements.singles.all(from);
    const tasks = tasksIn(statements.runs.iterate(from), {
      isListed: (run) => matches({ ...run, array_task_id: arrayTaskId ?? null }, filter),
      ...{ after, newestFirst },
    });
    const sign = newestFirst ? -1 : 1;
    const inOrder = (left: { id: number }, right: { id: number }) => sign * (left.id - right.id);
    // What lies beyond the end of one of them may be followed by something of the others.
    const ends = [single.length < scannedRows ? null : single.at(-1)!.id, tasks.end].filter(
      (each) => each !== null,
    );
    const end = ends.length === 0 ? null : sign * Math.min(...ends.map((each) => sign * each));
    const scanned: (Candidate | InvocationRow)[] = [...single, ...tasks.rows]
      .filter(({ id }) => end === null || sign * (end - id) >= 0)
      .sort(inOrder);
    const matching = scanned.filter((each) => matches(each, filter));
    const chosen = matching.slice(0, foundRows);
    const ids = chosen.flatMap((each) => ("submission" in each ? [] : [each.id]));
    const found = [
      ...rowsOf.all(JSON.stringify(ids)),
      ...chosen.flatMap((each) => ("submission" in each ? [each] : [])),
    ];
    const list = found.sort(inOrder).map(invocationOf);
    if (matching.length > foundRows) return { found: list, scannedTo: chosen.at(-1)!.id };
    return { found: list, scannedTo: end };
  };
}

function statementsFor(database: Connection, order: "ascending" | "descending") {
  const [after, sort] = order === "ascending" ? [">", "ASC"] : ["<", "DESC"];
  const candidate = "i.id, i.state, i.array_task_id, i.ended_at_ms";
  // A submission's invocations have consecutive ids: this is where a list continues in them.
  const submissionOf = `(SELECT submission FROM invocation WHERE id = @afterId
      UNION ALL SELECT submission FROM task_run
        WHERE first_id = ${firstAt("@afterId")} AND last_id >= @afterId)`;
  const ofUserFrom =
    order === "ascending"
      ? `s.id >= coalesce(${submissionOf}, 0)`
      : `s.id <= coalesce(${submissionOf}, @afterId)`;
  // Runs do not overlap: those that are left begin with the one that may hold @afterId.
  const runsLeft =
    order === "ascending"
      ? `r.last_id > @afterId AND r.first_id >= coalesce(${firstAt("@afterId")}, 0)`
      : "r.first_id < @afterId";
  return {
    all: {
      singles: database.prepare<From, Candidate>(
        `SELECT ${candidate} FROM invocation AS i WHERE i.id ${after} @afterId
         ORDER BY i.id ${sort} LIMIT @limit`,
      ),
      runs: database.prepare<From, RunRow>(
        `${selectRuns()} WHERE ${runsLeft} ORDER BY r.first_id ${sort} LIMIT @limit`,
      ),
    },
    // The order of the submissions is that of their ids.
    ofUser: {
      singles: database.prepare<From, Candidate>(
        `SELECT ${candidate} FROM submission AS s JOIN invocation AS i ON i.submission = s.id
         WHERE s.owner_uid = @uid AND i.id ${after} @afterId AND ${ofUserFrom}
         ORDER BY s.id ${sort}, i.id ${sort} LIMIT @limit`,
      ),
      runs: database.prepare<From, RunRow>(
        `${selectRuns("", "submission AS s JOIN task_run AS r ON r.submission = s.id")}
         WHERE s.owner_uid = @uid AND ${runsLeft} AND ${ofUserFrom}
         ORDER BY s.id ${sort}, r.first_id ${sort} LIMIT @limit`,
      ),
    },
    ofArray: {
      singles: database.prepare<From, Candidate>(
        `SELECT ${candidate} FROM invocation AS i WHERE i.submission = @arrayJobId
           AND i.id ${after} @afterId AND i.array_task_id IS NOT NULL
         ORDER BY i.id ${sort} LIMIT @limit`,
      ),
      runs: database.prepare<From, RunRow>(
        `${selectRuns()} WHERE r.submission = @arrayJobId AND ${runsLeft}
         ORDER BY r.first_id ${sort} LIMIT @limit`,
      ),
    },
  };
}

interface Tasks {
  readonly rows: readonly InvocationRow[];
  /** Where the next call continues; null if no run is left. */
  readonly end: number | null;
}

/** As many tasks of these runs as one call finds, and one more; reads no run beyond it. */
function tasksIn(
  runs: Iterable<RunRow>,
  {
    isListed,
    after,
    newestFirst,
  }: {
    readonly isListed: (run: RunRow) => boolean;
    readonly after: number;
    readonly newestFirst: boolean;
  },
): Tasks {
  const rows: InvocationRow[] = [];
  let examined = 0;
  for (const run of runs) {
    const from = newestFirst ? run.id : Math.max(run.id, after + 1);
    const to = newestFirst ? Math.min(run.last_id, after - 1) : run.last_id;
    const count = isListed(run) ? Math.min(to - from + 1, foundRows + 1 - rows.length) : 0;
    for (let each = 0; each < count; each++)
      rows.push(taskRow(run, newestFirst ? to - each : from + each));
    if (rows.length > foundRows) return { rows, end: rows.at(-1)!.id };
    if (++examined === scannedRows) return { rows, end: newestFirst ? run.id : run.last_id };
  }
  return { rows, end: null };
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
    .prepare<[], number | null>(
      `SELECT min(first) FROM (SELECT min(id) AS first FROM invocation WHERE ended_at_ms IS NULL
         UNION ALL SELECT min(first_id) FROM task_run WHERE ended_at_ms IS NULL)`,
    )
    .pluck();
  const firstEnded = database.prepare<
    { sinceMs: number; limit: number },
    { first: number | null; count: number }
  >(
    `SELECT min(id) AS first, count(*) AS count FROM
       (SELECT id FROM invocation WHERE ended_at_ms >= @sinceMs
        UNION ALL SELECT first_id FROM task_run WHERE ended_at_ms >= @sinceMs LIMIT @limit)`,
  );
  return (sinceMs) => {
    const { first, count } = firstEnded.get({ sinceMs, limit: maxSinceRows })!;
    if (count === maxSinceRows) return 1;
    const none = Number.MAX_SAFE_INTEGER;
    return Math.min(first ?? none, firstLive.get() ?? none);
  };
}
