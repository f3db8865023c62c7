// Counts invocations in gleanerd's database, with those tasks of arrays that no executor was ever
// asked to run and that share a row with their neighbours.

/** A table whose rows each stand for `tasks` invocations. */
export const recordedTasks = `(
  SELECT submission, state, ended_at_ms, 1 AS tasks FROM invocation
  UNION ALL SELECT submission, state, ended_at_ms, last_id - first_id + 1 FROM task_run
)`;
