-- Calls of functions: what went in, and what came out. Commands have neither.

-- The function's version; null for commands.
ALTER TABLE submission ADD COLUMN version TEXT;
-- The size of all inputs; 0 for commands.
ALTER TABLE submission ADD COLUMN input_bytes INTEGER NOT NULL DEFAULT 0 CHECK (input_bytes >= 0);

CREATE TABLE call_input (
  -- It may have no row in invocation yet.
  invocation INTEGER PRIMARY KEY,
  content_type TEXT NOT NULL,
  -- A small one stands here; of a large one its owner, hash and size.
  body BLOB,
  owner_uid INTEGER,
  blob TEXT,
  bytes INTEGER CHECK (bytes >= 0),
  CHECK ((body IS NULL) = (blob IS NOT NULL)),
  CHECK ((blob IS NULL) = (owner_uid IS NULL)),
  CHECK ((blob IS NULL) = (bytes IS NULL)),
  FOREIGN KEY (owner_uid, blob) REFERENCES blob (owner_uid, sha256)
) STRICT;

-- The answer of the attempt that counts; evicted ones have none.
CREATE TABLE call_answer (
  invocation INTEGER PRIMARY KEY REFERENCES invocation (id),
  kind TEXT NOT NULL CHECK (kind IN ('result', 'exception', 'notLoaded')),
  -- Of a result.
  content_type TEXT,
  body BLOB,
  owner_uid INTEGER,
  blob TEXT,
  bytes INTEGER CHECK (bytes >= 0),
  -- Of an error, as JSON: type, message, stack.
  error TEXT,
  answered_at_ms INTEGER NOT NULL CHECK (answered_at_ms >= 0),
  CHECK ((kind = 'result') = (body IS NOT NULL OR blob IS NOT NULL)),
  CHECK ((kind = 'result') = (error IS NULL)),
  CHECK (body IS NULL OR blob IS NULL),
  CHECK ((blob IS NULL) = (owner_uid IS NULL)),
  CHECK ((blob IS NULL) = (bytes IS NULL)),
  FOREIGN KEY (owner_uid, blob) REFERENCES blob (owner_uid, sha256)
) STRICT;

-- These two find what a blob is needed for.
CREATE INDEX call_input_blob ON call_input (owner_uid, blob) WHERE blob IS NOT NULL;
CREATE INDEX call_answer_blob ON call_answer (owner_uid, blob) WHERE blob IS NOT NULL;

-- What the last attempt of a call printed, in the order in which the ends were recorded. Its caller,
-- the function's name for the caller, and its end are here so that the logs of a function are found.
CREATE TABLE call_log (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  invocation INTEGER NOT NULL UNIQUE REFERENCES invocation (id),
  uid INTEGER NOT NULL CHECK (uid >= 0),
  name TEXT NOT NULL,
  ended_at_ms INTEGER NOT NULL CHECK (ended_at_ms >= 0),
  body BLOB NOT NULL
) STRICT;

CREATE INDEX call_log_function ON call_log (uid, name, number, ended_at_ms);

-- Finds the answers that are old enough to go, with their inputs.
CREATE INDEX call_answer_answered ON call_answer (answered_at_ms);

-- The phases of a call with a cold start, as far as it came; null for a command and in a warm worker.
ALTER TABLE attempt ADD COLUMN fetch_ms INTEGER CHECK (fetch_ms >= 0);
ALTER TABLE attempt ADD COLUMN start_ms INTEGER CHECK (start_ms >= 0);
ALTER TABLE attempt ADD COLUMN load_ms INTEGER CHECK (load_ms >= 0);
ALTER TABLE attempt ADD COLUMN run_ms INTEGER CHECK (run_ms >= 0);
