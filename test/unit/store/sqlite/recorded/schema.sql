CREATE TABLE attempt (
  invocation INTEGER NOT NULL REFERENCES invocation (id),
  number INTEGER NOT NULL CHECK (number >= 1),
  executor TEXT NOT NULL,
  node TEXT NOT NULL,
  cores INTEGER NOT NULL CHECK (cores >= 0),
  memory_mb INTEGER NOT NULL CHECK (memory_mb >= 0),
  gpus INTEGER NOT NULL CHECK (gpus >= 0),
  state TEXT NOT NULL CHECK (
    state IN ('RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED', 'TIMEOUT', 'OUT_OF_MEMORY', 'EVICTED', 'LOST')
  ),
  started_at_ms INTEGER NOT NULL CHECK (started_at_ms >= 0),
  -- By the monotonic clock of the machine: how long an attempt can have taken, whoever sets the other clock.
  started_monotonic_ms INTEGER NOT NULL CHECK (started_monotonic_ms >= 0),
  ended_at_ms INTEGER CHECK (ended_at_ms >= 0),
  wall_ms INTEGER CHECK (wall_ms >= 0),
  cpu_ms INTEGER CHECK (cpu_ms >= 0),
  max_rss_mb INTEGER CHECK (max_rss_mb >= 0),
  exit_code INTEGER CHECK (exit_code >= 0),
  signal INTEGER CHECK (signal >= 0),
  reason TEXT, fetch_ms INTEGER CHECK (fetch_ms >= 0), start_ms INTEGER CHECK (start_ms >= 0), load_ms INTEGER CHECK (load_ms >= 0), run_ms INTEGER CHECK (run_ms >= 0), hot_ms INTEGER CHECK (hot_ms >= 0), spin_ms INTEGER CHECK (spin_ms BETWEEN 0 AND hot_ms), shares_with INTEGER CHECK (shares_with >= 1), share_ms INTEGER CHECK (share_ms BETWEEN 0 AND wall_ms),
  PRIMARY KEY (invocation, number),
  CHECK ((ended_at_ms IS NULL) = (state = 'RUNNING')),
  CHECK ((wall_ms IS NULL) = (state = 'RUNNING'))
) STRICT, WITHOUT ROWID;

CREATE INDEX attempt_ended ON attempt (ended_at_ms);

CREATE TABLE audit_event (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL CHECK (at_ms >= 0),
  uid INTEGER NOT NULL,
  user TEXT NOT NULL,
  operator INTEGER NOT NULL CHECK (operator IN (0, 1)),
  source TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;

CREATE INDEX audit_event_at ON audit_event (at_ms);

CREATE TRIGGER audit_event_is_never_changed BEFORE UPDATE ON audit_event
BEGIN
  SELECT RAISE (ABORT, 'an audit event is never changed');
END;

CREATE TABLE blob (
  owner_uid INTEGER NOT NULL CHECK (owner_uid >= 0),
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  bytes INTEGER NOT NULL CHECK (bytes >= 0),
  -- The last time that its owner sent it.
  kept_at_ms INTEGER NOT NULL CHECK (kept_at_ms >= 0),
  PRIMARY KEY (owner_uid, sha256)
) STRICT, WITHOUT ROWID;

CREATE INDEX blob_kept ON blob (kept_at_ms);

CREATE INDEX blob_sha256 ON blob (sha256);

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

CREATE INDEX call_answer_answered ON call_answer (answered_at_ms);

CREATE INDEX call_answer_blob ON call_answer (owner_uid, blob) WHERE blob IS NOT NULL;

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

CREATE INDEX call_input_blob ON call_input (owner_uid, blob) WHERE blob IS NOT NULL;

CREATE TABLE call_log (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  invocation INTEGER NOT NULL UNIQUE REFERENCES invocation (id),
  uid INTEGER NOT NULL CHECK (uid >= 0),
  name TEXT NOT NULL,
  ended_at_ms INTEGER NOT NULL CHECK (ended_at_ms >= 0),
  body BLOB NOT NULL
) STRICT;

CREATE INDEX call_log_function ON call_log (uid, name, number, ended_at_ms);

CREATE TABLE checkpoint (
  invocation INTEGER PRIMARY KEY REFERENCES invocation (id),
  path TEXT NOT NULL
) STRICT;

CREATE TABLE deploy_request (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  version INTEGER NOT NULL REFERENCES function_version (id) ON DELETE CASCADE,
  request_id TEXT NOT NULL,
  UNIQUE (version, request_id)
) STRICT;

CREATE TABLE document (
  id INTEGER PRIMARY KEY,
  -- SHA-256 of the owner's uid and the body.
  hash BLOB NOT NULL UNIQUE,
  body TEXT NOT NULL
) STRICT;

CREATE TABLE drained_node (
  node TEXT PRIMARY KEY,
  drained_by TEXT NOT NULL,
  -- 1: what ran there went back to the queue; 0: it might end.
  at_once INTEGER NOT NULL CHECK (at_once IN (0, 1)),
  drained_at_ms INTEGER NOT NULL CHECK (drained_at_ms >= 0)
) STRICT;

CREATE TABLE eviction (
  node TEXT NOT NULL,
  job_id INTEGER NOT NULL CHECK (job_id >= 0),
  at_ms INTEGER NOT NULL CHECK (at_ms >= 0),
  took_ms INTEGER NOT NULL CHECK (took_ms >= 0),
  attempts INTEGER NOT NULL CHECK (attempts >= 0),
  lost_core_ms INTEGER NOT NULL CHECK (lost_core_ms >= 0),
  left_processes INTEGER CHECK (left_processes >= 0), -- when the prolog ended; null: not counted
  PRIMARY KEY (node, job_id, at_ms)
) STRICT, WITHOUT ROWID;

CREATE INDEX eviction_at ON eviction (at_ms);

CREATE TABLE executor (
  id TEXT PRIMARY KEY,
  node TEXT NOT NULL,
  address TEXT NOT NULL,
  placement TEXT NOT NULL CHECK (placement IN ('direct', 'pilot')),
  state TEXT NOT NULL CHECK (state IN ('live', 'gone')),
  started_at_ms INTEGER NOT NULL CHECK (started_at_ms >= 0),
  gone_at_ms INTEGER CHECK (gone_at_ms >= 0),
  gone_reason TEXT
) STRICT;

CREATE INDEX executor_started ON executor (started_at_ms);

CREATE TABLE function (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  owner_uid INTEGER NOT NULL CHECK (owner_uid >= 0),
  -- A label: what the uid was called at the last deploy.
  owner_user TEXT NOT NULL,
  name TEXT NOT NULL,
  -- none, all, or group:NAME.
  sharing TEXT NOT NULL,
  UNIQUE (owner_uid, name)
) STRICT;

CREATE TABLE function_alias (
  function INTEGER NOT NULL REFERENCES function (id),
  alias TEXT NOT NULL,
  version INTEGER NOT NULL REFERENCES function_version (id),
  PRIMARY KEY (function, alias)
) STRICT, WITHOUT ROWID;

CREATE INDEX function_alias_version ON function_alias (version);

CREATE TABLE function_version (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  function INTEGER NOT NULL REFERENCES function (id),
  owner_uid INTEGER NOT NULL CHECK (owner_uid >= 0),
  -- The bundle's SHA-256.
  version TEXT NOT NULL CHECK (length(version) = 64),
  -- As JSON, with the site's defaults of the first deploy.
  settings TEXT NOT NULL,
  runtime TEXT NOT NULL,
  deployed_at_ms INTEGER NOT NULL CHECK (deployed_at_ms >= 0),
  -- Nobody can name it any more; the row stays as long as anything refers to it.
  removed_at_ms INTEGER CHECK (removed_at_ms >= 0),
  UNIQUE (function, version),
  FOREIGN KEY (owner_uid, version) REFERENCES blob (owner_uid, sha256)
) STRICT;

CREATE INDEX function_version_blob ON function_version (owner_uid, version);

CREATE INDEX function_version_removed ON function_version (removed_at_ms) WHERE removed_at_ms IS NOT NULL;

CREATE TABLE holding (
  executor TEXT NOT NULL,
  from_ms INTEGER NOT NULL CHECK (from_ms >= 0),
  to_ms INTEGER NOT NULL CHECK (to_ms >= from_ms),
  node TEXT NOT NULL,
  cores INTEGER NOT NULL CHECK (cores >= 0),
  PRIMARY KEY (executor, from_ms)
) STRICT, WITHOUT ROWID;

CREATE INDEX holding_from ON holding (from_ms);

CREATE TABLE hook_event (
  node TEXT NOT NULL,
  job_id INTEGER NOT NULL CHECK (job_id >= 0),
  kind TEXT NOT NULL CHECK (kind IN ('begin', 'end')),
  at_ms INTEGER NOT NULL CHECK (at_ms >= 0),
  cores INTEGER CHECK (cores >= 0),
  PRIMARY KEY (node, job_id, kind, at_ms)
) STRICT, WITHOUT ROWID;

CREATE INDEX hook_event_at ON hook_event (at_ms);

CREATE TABLE invocation (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  submission INTEGER NOT NULL REFERENCES submission (id),
  array_task_id INTEGER CHECK (array_task_id >= 0),
  state TEXT NOT NULL CHECK (
    state IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED', 'TIMEOUT', 'OUT_OF_MEMORY')
  ),
  attempt INTEGER NOT NULL CHECK (attempt >= 0),
  started_at_ms INTEGER CHECK (started_at_ms >= 0),
  ended_at_ms INTEGER CHECK (ended_at_ms >= 0),
  exit_code INTEGER CHECK (exit_code >= 0),
  signal INTEGER CHECK (signal >= 0),
  node TEXT,
  reason TEXT,
  CHECK ((ended_at_ms IS NULL) = (state IN ('PENDING', 'RUNNING')))
) STRICT;

CREATE INDEX invocation_ended ON invocation (ended_at_ms);

CREATE INDEX invocation_submission ON invocation (submission);

CREATE TABLE job_record (
  id INTEGER NOT NULL CHECK (id >= 0),
  started_at_ms INTEGER NOT NULL CHECK (started_at_ms >= 0),
  ended_at_ms INTEGER CHECK (ended_at_ms >= 0),
  submitted_at_ms INTEGER NOT NULL CHECK (submitted_at_ms >= 0),
  display_id TEXT NOT NULL,
  name TEXT NOT NULL,
  owner_user TEXT NOT NULL,
  partition TEXT NOT NULL,
  state TEXT NOT NULL,
  cores INTEGER NOT NULL CHECK (cores >= 0),
  -- A JSON list of node names.
  nodes TEXT NOT NULL,
  PRIMARY KEY (id, started_at_ms)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_record_started ON job_record (started_at_ms);

CREATE TABLE learned (
  name TEXT PRIMARY KEY,
  json TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE "ledger_day" (
  day INTEGER NOT NULL CHECK (day >= 0),
  owner_uid INTEGER NOT NULL CHECK (owner_uid >= 0),
  kind TEXT NOT NULL CHECK (kind IN ('execution', 'held', 'hot')),
  owner_user TEXT NOT NULL,
  postings INTEGER NOT NULL DEFAULT 0 CHECK (postings >= 0),
  core_ms INTEGER NOT NULL DEFAULT 0 CHECK (core_ms >= 0),
  memory_mb_ms INTEGER NOT NULL DEFAULT 0 CHECK (memory_mb_ms >= 0),
  amount_micro_credits INTEGER NOT NULL DEFAULT 0 CHECK (amount_micro_credits >= 0),
  attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  recomputed_micro_credits INTEGER NOT NULL DEFAULT 0 CHECK (recomputed_micro_credits >= 0),
  seal TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (day, owner_uid, kind)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER ledger_day_is_never_deleted BEFORE DELETE ON ledger_day
BEGIN
  SELECT RAISE (ABORT, 'a sum of the ledger is never deleted');
END;

CREATE TABLE ledger_head (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  sequence INTEGER NOT NULL CHECK (sequence >= 0),
  seal TEXT NOT NULL,
  mac TEXT NOT NULL
) STRICT;

CREATE TRIGGER ledger_head_is_never_deleted BEFORE DELETE ON ledger_head
BEGIN
  SELECT RAISE (ABORT, 'the head of the ledger is never deleted');
END;

CREATE TABLE ledger_removed (
  first INTEGER PRIMARY KEY CHECK (first >= 1),
  last INTEGER NOT NULL UNIQUE CHECK (last >= first),
  seal TEXT NOT NULL
) STRICT;

CREATE TABLE map_end (
  map INTEGER NOT NULL REFERENCES submission (id),
  -- Of the first task among all ends of its map, from 1 on.
  number INTEGER NOT NULL CHECK (number >= 1),
  first_id INTEGER NOT NULL,
  last_id INTEGER NOT NULL CHECK (last_id >= first_id),
  PRIMARY KEY (map, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE migration (
      number INTEGER PRIMARY KEY,
      name TEXT NOT NULL,
      checksum TEXT NOT NULL,
      applied_at_ms INTEGER NOT NULL
    ) STRICT;

CREATE TABLE node_condition (
  node TEXT NOT NULL,
  from_ms INTEGER NOT NULL CHECK (from_ms >= 0),
  condition TEXT,
  PRIMARY KEY (node, from_ms)
) STRICT, WITHOUT ROWID;

CREATE INDEX node_condition_from ON node_condition (from_ms);

CREATE TABLE node_span (
  node TEXT NOT NULL,
  from_ms INTEGER NOT NULL CHECK (from_ms >= 0),
  to_ms INTEGER NOT NULL CHECK (to_ms >= from_ms),
  cores INTEGER NOT NULL CHECK (cores >= 0),
  PRIMARY KEY (node, from_ms)
) STRICT, WITHOUT ROWID;

CREATE INDEX node_span_from ON node_span (from_ms);

CREATE TABLE "posting" (
  sequence INTEGER NOT NULL UNIQUE CHECK (sequence >= 1),
  previous_seal TEXT NOT NULL,
  invocation INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('execution', 'held', 'hot')),
  owner_uid INTEGER NOT NULL CHECK (owner_uid >= 0),
  owner_user TEXT NOT NULL,
  core_ms INTEGER NOT NULL CHECK (core_ms BETWEEN 0 AND 9007199254740991),
  memory_mb_ms INTEGER NOT NULL CHECK (memory_mb_ms BETWEEN 0 AND 9007199254740991),
  amount_micro_credits INTEGER NOT NULL CHECK (amount_micro_credits BETWEEN 0 AND 9007199254740991),
  micro_credits_per_core_second INTEGER NOT NULL CHECK (micro_credits_per_core_second >= 0),
  micro_credits_per_gb_second INTEGER NOT NULL CHECK (micro_credits_per_gb_second >= 0),
  posted_at_ms INTEGER NOT NULL CHECK (posted_at_ms >= 0),
  seal TEXT NOT NULL,
  PRIMARY KEY (invocation, attempt, kind),
  FOREIGN KEY (invocation, attempt) REFERENCES attempt (invocation, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER posting_deleted_is_summed AFTER DELETE ON posting
BEGIN
  INSERT INTO ledger_day (day, owner_uid, kind, owner_user, postings, core_ms, memory_mb_ms, amount_micro_credits)
  VALUES (OLD.posted_at_ms / 86400000, OLD.owner_uid, OLD.kind, OLD.owner_user, 1, OLD.core_ms, OLD.memory_mb_ms,
    OLD.amount_micro_credits)
  ON CONFLICT (day, owner_uid, kind) DO UPDATE SET postings = postings + 1, core_ms = core_ms + excluded.core_ms,
    memory_mb_ms = memory_mb_ms + excluded.memory_mb_ms,
    amount_micro_credits = amount_micro_credits + excluded.amount_micro_credits;
END;

CREATE TRIGGER posting_is_never_changed BEFORE UPDATE ON posting
BEGIN
  SELECT RAISE (ABORT, 'a posting is never changed');
END;

CREATE TABLE refused_option (
  day INTEGER NOT NULL CHECK (day >= 0),
  uid INTEGER NOT NULL CHECK (uid >= 0),
  option TEXT NOT NULL,
  times INTEGER NOT NULL CHECK (times >= 1),
  PRIMARY KEY (day, uid, option)
) STRICT, WITHOUT ROWID;

CREATE TABLE submission (
  id INTEGER PRIMARY KEY,
  request_id TEXT NOT NULL UNIQUE,
  owner_uid INTEGER NOT NULL CHECK (owner_uid >= 0),
  owner_gid INTEGER NOT NULL CHECK (owner_gid >= 0),
  owner_user TEXT NOT NULL,
  name TEXT NOT NULL,
  cores INTEGER NOT NULL CHECK (cores >= 0),
  memory_mb INTEGER NOT NULL CHECK (memory_mb >= 0),
  gpus INTEGER NOT NULL CHECK (gpus >= 0),
  time_limit_ms INTEGER NOT NULL CHECK (time_limit_ms >= 0),
  submitted_at_ms INTEGER NOT NULL CHECK (submitted_at_ms >= 0),
  tasks INTEGER NOT NULL CHECK (tasks >= 1),
  -- What the daemon keeps in memory while an invocation of it is live.
  function_key TEXT NOT NULL,
  checkpoint_in TEXT,
  document_bytes INTEGER NOT NULL CHECK (document_bytes >= 0),
  command INTEGER NOT NULL REFERENCES document (id),
  environment INTEGER NOT NULL REFERENCES document (id),
  -- The rest as JSON; the last column, so that listings never read it from disk.
  terms TEXT NOT NULL
, version TEXT, input_bytes INTEGER NOT NULL DEFAULT 0 CHECK (input_bytes >= 0), packed_inputs TEXT) STRICT;

CREATE INDEX submission_command ON submission (command);

CREATE INDEX submission_environment ON submission (environment);

CREATE INDEX submission_owner ON submission (owner_uid, id);

CREATE INDEX submission_packed ON submission (owner_uid, packed_inputs) WHERE packed_inputs IS NOT NULL;

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

CREATE INDEX task_run_ended ON task_run (ended_at_ms);

CREATE INDEX task_run_last ON task_run (last_id);

CREATE INDEX task_run_submission ON task_run (submission);

CREATE TABLE token_epoch (
  uid INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL CHECK (epoch >= 1)
) STRICT;
