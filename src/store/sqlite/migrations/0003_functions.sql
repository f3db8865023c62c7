-- Functions with their versions and aliases, and the contents that gleanerd keeps by their hash.

-- Whose contents are in the folder of blobs. A row is written once its file is on disk, and removed
-- before the file. Several users may have the same file, each with a row.
CREATE TABLE blob (
  owner_uid INTEGER NOT NULL CHECK (owner_uid >= 0),
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  bytes INTEGER NOT NULL CHECK (bytes >= 0),
  -- The last time that its owner sent it.
  kept_at_ms INTEGER NOT NULL CHECK (kept_at_ms >= 0),
  PRIMARY KEY (owner_uid, sha256)
) STRICT, WITHOUT ROWID;

-- These two find whether anybody has a file, and what is old enough to be removed.
CREATE INDEX blob_sha256 ON blob (sha256);
CREATE INDEX blob_kept ON blob (kept_at_ms);

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

-- These two find what a blob is needed for, and what was removed.
CREATE INDEX function_version_blob ON function_version (owner_uid, version);
CREATE INDEX function_version_removed ON function_version (removed_at_ms) WHERE removed_at_ms IS NOT NULL;

-- The requests that deployed a version: repeated, they change nothing.
CREATE TABLE deploy_request (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  version INTEGER NOT NULL REFERENCES function_version (id) ON DELETE CASCADE,
  request_id TEXT NOT NULL,
  UNIQUE (version, request_id)
) STRICT;

CREATE TABLE function_alias (
  function INTEGER NOT NULL REFERENCES function (id),
  alias TEXT NOT NULL,
  version INTEGER NOT NULL REFERENCES function_version (id),
  PRIMARY KEY (function, alias)
) STRICT, WITHOUT ROWID;

-- Finds whether an alias points to a version.
CREATE INDEX function_alias_version ON function_alias (version);
