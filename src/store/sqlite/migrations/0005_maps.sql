-- Maps of any size: their inputs in one content, and their ends in the order of their records.

-- The content with the inputs of all tasks, if they were sent as a stream; null once it was removed
-- for its age. Large inputs have rows in call_input besides.
ALTER TABLE submission ADD COLUMN packed_inputs TEXT;

-- Finds what a blob is needed for, and the maps that still have their inputs.
CREATE INDEX submission_packed ON submission (owner_uid, packed_inputs) WHERE packed_inputs IS NOT NULL;

-- The tasks of maps as their ends were recorded: consecutive tasks that ended together are one row.
CREATE TABLE map_end (
  map INTEGER NOT NULL REFERENCES submission (id),
  -- Of the first task among all ends of its map, from 1 on.
  number INTEGER NOT NULL CHECK (number >= 1),
  first_id INTEGER NOT NULL,
  last_id INTEGER NOT NULL CHECK (last_id >= first_id),
  PRIMARY KEY (map, number)
) STRICT, WITHOUT ROWID;
