-- A lease is charged by kind: its processor time in calls (`execution`) and where it may spin (`hot`), and the rest of
-- the core-time and the memory that it held (`held`). Everything else is charged as `execution`.

-- Of a leased worker; null for everything else. What it may have spun is billed; what it said that it spun is shown.
ALTER TABLE attempt ADD COLUMN hot_ms INTEGER CHECK (hot_ms >= 0);
ALTER TABLE attempt ADD COLUMN spin_ms INTEGER CHECK (spin_ms BETWEEN 0 AND hot_ms);

-- The kind is part of the key, so both tables are made anew.
CREATE TABLE posting_of_kind (
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

INSERT INTO posting_of_kind
  SELECT sequence, previous_seal, invocation, attempt, 'execution', owner_uid, owner_user, core_ms, memory_mb_ms,
    amount_micro_credits, micro_credits_per_core_second, micro_credits_per_gb_second, posted_at_ms, seal
  FROM posting;

DROP TABLE posting;
ALTER TABLE posting_of_kind RENAME TO posting;

CREATE TABLE ledger_day_of_kind (
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

INSERT INTO ledger_day_of_kind
  SELECT day, owner_uid, 'execution', owner_user, postings, core_ms, memory_mb_ms, amount_micro_credits, attempts,
    recomputed_micro_credits, seal
  FROM ledger_day;

DROP TRIGGER ledger_day_is_never_deleted;
DROP TABLE ledger_day;
ALTER TABLE ledger_day_of_kind RENAME TO ledger_day;

CREATE TRIGGER posting_is_never_changed BEFORE UPDATE ON posting
BEGIN
  SELECT RAISE (ABORT, 'a posting is never changed');
END;

-- Whoever deletes a posting, no amount leaves the ledger.
CREATE TRIGGER posting_deleted_is_summed AFTER DELETE ON posting
BEGIN
  INSERT INTO ledger_day (day, owner_uid, kind, owner_user, postings, core_ms, memory_mb_ms, amount_micro_credits)
  VALUES (OLD.posted_at_ms / 86400000, OLD.owner_uid, OLD.kind, OLD.owner_user, 1, OLD.core_ms, OLD.memory_mb_ms,
    OLD.amount_micro_credits)
  ON CONFLICT (day, owner_uid, kind) DO UPDATE SET postings = postings + 1, core_ms = core_ms + excluded.core_ms,
    memory_mb_ms = memory_mb_ms + excluded.memory_mb_ms,
    amount_micro_credits = amount_micro_credits + excluded.amount_micro_credits;
END;

CREATE TRIGGER ledger_day_is_never_deleted BEFORE DELETE ON ledger_day
BEGIN
  SELECT RAISE (ABORT, 'a sum of the ledger is never deleted');
END;
