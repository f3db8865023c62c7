// Runs of an array's tasks that were never tried: kept as one row, listed like any invocation, and
// split when one of them begins or ends.

import type { IdRange, InvocationFilter } from "../../../../core/ports/store.js";
import type { TasksOfRun } from "../../../../model/array-tasks.js";
import type { InvocationId } from "../../../../model/ids.js";
import type { Invocation, InvocationState } from "../../../../model/invocation.js";
import type { Connection } from "../../database.js";
import type { InvocationRow } from "./invocation-rows.js";
import { runEndNoter } from "./maps.js";
import { statementCache } from "./preparing.js";

/** A row of the table. */
interface Run {
  readonly first_id: number;
  readonly last_id: number;
  readonly submission: number;
  readonly first_task: number;
  readonly step: number;
  readonly state: InvocationState;
  readonly ended_at_ms: number | null;
  readonly reason: string | null;
}

/** With the columns of its submission, as for its first task. */
export interface RunRow extends InvocationRow {
  readonly last_id: InvocationId;
  readonly step: number;
}

const runColumns = `r.first_id AS id, r.last_id, r.step, r.submission, r.first_task AS array_task_id, s.owner_uid, s.owner_gid,
  s.owner_user, s.name, s.cores, s.memory_mb, s.gpus, s.time_limit_ms, r.state, s.submitted_at_ms,
  NULL AS started_at_ms, r.ended_at_ms, 0 AS attempt, NULL AS exit_code, NULL AS signal, r.reason,
  NULL AS node, NULL AS wall_ms, NULL AS cpu_ms, NULL AS max_rss_mb, NULL AS hot_ms, NULL AS share_ms`;
const runTables = "task_run AS r JOIN submission AS s ON s.id = r.submission";

/** `tables`: how both are joined, if their order matters. */
export const selectRuns = (more = "", tables = runTables): string =>
  `SELECT ${runColumns}${more} FROM ${tables}`;

/** The first id of the run that an id may be in: runs do not overlap. */
export const firstAt = (id: string): string =>
  `(SELECT max(first_id) FROM task_run WHERE first_id <= ${id})`;

/** One task of a run. */
export function taskRow(run: RunRow, id: number): InvocationRow {
  const { last_id: _, step, ...first } = run;
  const number = first.array_task_id! + (id - first.id) * step;
  return { ...first, id: id as InvocationId, array_task_id: number };
}

export function runInserter(
  database: Connection,
): (invocation: Pick<Invocation, "id" | "arrayJobId" | "arrayTaskId">, run: TasksOfRun) => void {
  const insert = insertion(database);
  return ({ id, arrayJobId, arrayTaskId }, { count, step }) =>
    insert({
      first_id: id,
      last_id: id + count - 1,
      submission: arrayJobId!,
      first_task: arrayTaskId!,
      ...{ step, state: "PENDING", ended_at_ms: null, reason: null },
    });
}

function insertion(database: Connection): (run: Run) => void {
  const insert = database.prepare<[Run]>(
    `INSERT INTO task_run (first_id, last_id, submission, first_task, step, state, ended_at_ms, reason)
     VALUES (@first_id, @last_id, @submission, @first_task, @step, @state, @ended_at_ms, @reason)`,
  );
  return (run) => void insert.run(run);
}

/** Returns a function that replaces a run by its parts. */
function splitter(database: Connection): (run: Run, parts: readonly IdRange[]) => void {
  const insert = insertion(database);
  const remove = database.prepare<[number]>("DELETE FROM task_run WHERE first_id = ?");
  return (run, parts) => {
    remove.run(run.first_id);
    for (const [first_id, last_id] of parts) {
      if (last_id < first_id) continue;
      const first_task = run.first_task + (first_id - run.first_id) * run.step;
      insert({ ...run, first_id, last_id, first_task });
    }
  };
}

/** Returns a function that gives waiting tasks rows of their own, if all of them are in runs. */
export function taskSeparator(database: Connection): (ids: IdRange) => boolean {
  const find = database.prepare<{ id: number }, Run>(
    `SELECT * FROM task_run WHERE first_id = ${firstAt("@id")} AND last_id >= @id AND state = 'PENDING'`,
  );
  const insertRows = database.prepare<Run & { readonly from: number; readonly to: number }>(
    `WITH RECURSIVE task (id) AS
       (SELECT @from UNION ALL SELECT id + 1 FROM task WHERE id < @to)
     INSERT INTO invocation (id, submission, array_task_id, state, attempt)
       SELECT id, @submission, @first_task + (id - @first_id) * @step, 'PENDING', 0 FROM task`,
  );
  const split = splitter(database);
  return ([first, last]) => {
    for (let from: number = first; from <= last; ) {
      const run = find.get({ id: from });
      if (run === undefined) return false;
      const to = Math.min(last, run.last_id);
      insertRows.run({ ...run, from, to });
      split(run, [
        [run.first_id as InvocationId, (from - 1) as InvocationId],
        [(to + 1) as InvocationId, run.last_id as InvocationId],
      ]);
      from = to + 1;
    }
    return true;
  };
}

/** Returns a function that ends the waiting tasks of runs in a range and counts them. */
export function runEnder(
  database: Connection,
): (range: IdRange, end: Pick<Run, "state" | "reason"> & { readonly endedAtMs: number }) => number {
  const overlapping = database.prepare<{ first: number; last: number }, Run>(
    `SELECT * FROM task_run WHERE first_id BETWEEN coalesce(${firstAt("@first")}, @first) AND @last
       AND last_id >= @first AND state = 'PENDING'`,
  );
  const split = splitter(database);
  const insert = insertion(database);
  const noteEnd = runEndNoter(database);
  return (range, { state, reason, endedAtMs }) => {
    let count = 0;
    for (const run of overlapping.all({ first: range[0], last: range[1] })) {
      const first_id = Math.max(run.first_id, range[0]);
      const last_id = Math.min(run.last_id, range[1]);
      split(run, [
        [run.first_id as InvocationId, (first_id - 1) as InvocationId],
        [(last_id + 1) as InvocationId, run.last_id as InvocationId],
      ]);
      const first_task = run.first_task + (first_id - run.first_id) * run.step;
      insert({ ...run, first_id, last_id, first_task, state, reason, ended_at_ms: endedAtMs });
      noteEnd(run.submission, first_id, last_id);
      count += last_id - first_id + 1;
    }
    return count;
  };
}

/** Returns a function that lists tasks of runs by ascending ids, as rows of invocations. */
export function runLister(database: Connection): (filter: InvocationFilter) => InvocationRow[] {
  const ofId = database.prepare<{ id: number }, RunRow>(
    `${selectRuns()} WHERE r.first_id = ${firstAt("@id")} AND r.last_id >= @id`,
  );
  const statementOf = statementCache<RunRow>(database);
  const ofIds = (ids: readonly InvocationId[]) =>
    ids.flatMap((id) => {
      const run = ofId.get({ id });
      return run === undefined ? [] : [taskRow(run, id)];
    });
  return (filter) => {
    const { uid, ids, arrayJobId, arrayTaskId, states, sinceMs, limit } = filter;
    if (ids !== undefined)
      return ofIds(ids.toSorted((left, right) => left - right)).filter(
        (row) =>
          (uid ?? row.owner_uid) === row.owner_uid &&
          (states === undefined || states.includes(row.state)) &&
          (sinceMs ?? 0) <= (row.ended_at_ms ?? Number.POSITIVE_INFINITY),
      );
    const where = conditionsOf(filter).join(" AND ");
    const runs = statementOf(`${selectRuns()} WHERE ${where} ORDER BY r.first_id LIMIT @limit`).all(
      { uid, arrayJobId, arrayTaskId, states: JSON.stringify(states), sinceMs, limit },
    );
    const found: InvocationRow[] = [];
    for (const run of runs)
      if (arrayTaskId !== undefined)
        found.push(taskRow(run, run.id + (arrayTaskId - run.array_task_id!) / run.step));
      else
        for (let id: number = run.id; id <= run.last_id && found.length < limit; id++)
          found.push(taskRow(run, id));
    return found;
  };
}

/** Fixed pieces of SQL; all values are bound. */
function conditionsOf({ uid, arrayJobId, arrayTaskId, states, sinceMs }: InvocationFilter) {
  const where = ["TRUE"];
  if (uid !== undefined) where.push("s.owner_uid = @uid");
  if (arrayJobId !== undefined) where.push("r.submission = @arrayJobId");
  if (arrayTaskId !== undefined)
    where.push(
      `@arrayTaskId BETWEEN r.first_task AND r.first_task + (r.last_id - r.first_id) * r.step
       AND (@arrayTaskId - r.first_task) % r.step = 0`,
    );
  if (states !== undefined) where.push("r.state IN (SELECT value FROM json_each(@states))");
  if (sinceMs !== undefined) where.push("(r.ended_at_ms IS NULL OR r.ended_at_ms >= @sinceMs)");
  return where;
}

/**
 * Returns a function that removes up to `limit` tasks of runs that ended before `beforeMs`, with
 * their inputs, and tells whose last ones may be gone.
 */
export function runPruner(database: Connection): (old: {
  readonly beforeMs: number;
  readonly limit: number;
}) => {
  readonly tasks: number;
  readonly submissions: readonly number[];
} {
  const oldest = database.prepare<[number], Run>(
    "SELECT * FROM task_run WHERE ended_at_ms < ? ORDER BY ended_at_ms LIMIT 1",
  );
  const removeInputs = database.prepare<[number, number]>(
    "DELETE FROM call_input WHERE invocation BETWEEN ? AND ?",
  );
  const split = splitter(database);
  return ({ beforeMs, limit }) => {
    const submissions = new Set<number>();
    let tasks = 0;
    while (tasks < limit) {
      const run = oldest.get(beforeMs);
      if (run === undefined) break;
      const last = Math.min(run.last_id, run.first_id + limit - tasks - 1);
      removeInputs.run(run.first_id as InvocationId, last as InvocationId);
      split(run, [[(last + 1) as InvocationId, run.last_id as InvocationId]]);
      tasks += last - run.first_id + 1;
      submissions.add(run.submission);
    }
    return { tasks, submissions: [...submissions] };
  };
}
