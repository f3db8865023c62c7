-- Tasks of an array that no executor was ever asked to run: one row for a run of them, whose ids
-- are consecutive and whose numbers are evenly spaced. A task gets a row in `invocation` when its
-- first attempt begins; ids of runs are taken from the sequence of `invocation`.

CREATE TABLE task_run (
  first_id INTEGER PRIMARY KEY,
  last_id INTEGER NOT NULL CHECK (last_id >= first_id),
  submission INTEGER NOT NULL REFERENCES submission (id),
  -- The number of the first task, and what lies between two numbers.
  first_task INTEGER NOT NULL CHECK (first_task >= 0),
  step INTEGER NOT NULL CHECK (step >= 1),
  -- They wait, or ended together while they waited.
  state TEXT NOT NULL CHECK (state IN ('PENDING', 'FAILED', 'CANCELLED')),
  ended_at_ms INTEGER CHECK (ended_at_ms >= 0),
  reason TEXT,
  CHECK ((ended_at_ms IS NULL) = (state = 'PENDING'))
) STRICT;

-- Finds the run of an id, and the next one.
CREATE INDEX task_run_last ON task_run (last_id);
-- Finds those of an array.
CREATE INDEX task_run_submission ON task_run (submission);
-- Finds the ones that wait, and those that ended lately.
CREATE INDEX task_run_ended ON task_run (ended_at_ms);
