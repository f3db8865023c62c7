// Records of contents that gleanerd keeps by their hash: who has which, and what nothing refers to
// any more.

import type { BlobRow } from "../../../../core/ports/functions.js";
import type { BlobHash } from "../../../../model/ids.js";
import type { Connection } from "../../database.js";
import type { Operations } from "../../signatures.js";

/** Everything that refers to a blob; whatever else does so later must stand here. */
const isUsed = `(EXISTS (SELECT 1 FROM function_version AS v
    WHERE v.owner_uid = blob.owner_uid AND v.version = blob.sha256)
  OR EXISTS (SELECT 1 FROM call_input AS i
    WHERE i.owner_uid = blob.owner_uid AND i.blob = blob.sha256)
  OR EXISTS (SELECT 1 FROM submission AS s
    WHERE s.owner_uid = blob.owner_uid AND s.packed_inputs = blob.sha256)
  OR EXISTS (SELECT 1 FROM call_answer AS a
    WHERE a.owner_uid = blob.owner_uid AND a.blob = blob.sha256))`;

const columns = "owner_uid AS ownerUid, sha256, bytes, kept_at_ms AS keptAtMs";

export function blobWrites(database: Connection): Operations<"keepBlob" | "forgetBlob"> {
  const find = database.prepare<{ ownerUid: number; sha256: string }>(
    "SELECT 1 FROM blob WHERE owner_uid = @ownerUid AND sha256 = @sha256",
  );
  const keep = database.prepare<BlobRow>(
    `INSERT INTO blob (owner_uid, sha256, bytes, kept_at_ms)
     VALUES (@ownerUid, @sha256, @bytes, @keptAtMs)
     ON CONFLICT (owner_uid, sha256) DO UPDATE SET kept_at_ms = excluded.kept_at_ms`,
  );
  const forget = database.prepare<{ ownerUid: number; sha256: string; beforeMs: number }>(
    `DELETE FROM blob WHERE owner_uid = @ownerUid AND sha256 = @sha256
       AND kept_at_ms < @beforeMs AND NOT ${isUsed}`,
  );
  const others = database.prepare<[string]>("SELECT 1 FROM blob WHERE sha256 = ?");
  return {
    keepBlob(blob) {
      const isNew = find.get(blob) === undefined;
      keep.run(blob);
      return isNew;
    },
    forgetBlob(ownerUid, sha256, beforeMs) {
      const isForgotten = forget.run({ ownerUid, sha256, beforeMs }).changes > 0;
      return { isForgotten, isLast: others.get(sha256) === undefined };
    },
  };
}

export function blobReads(
  database: Connection,
): Operations<"loadBlob" | "loadBlobUse" | "knownBlobs" | "listUnusedBlobs"> {
  const load = database.prepare<[number, string], BlobRow>(
    `SELECT ${columns} FROM blob WHERE owner_uid = ? AND sha256 = ?`,
  );
  const use = database.prepare<[], { uid: number; bytes: number }>(
    "SELECT owner_uid AS uid, sum(bytes) AS bytes FROM blob GROUP BY owner_uid",
  );
  const known = database
    .prepare<[string], BlobHash>(
      `SELECT value FROM json_each(?)
       WHERE EXISTS (SELECT 1 FROM blob WHERE blob.sha256 = value)`,
    )
    .pluck();
  const unused = database.prepare<{ beforeMs: number; limit: number }, BlobRow>(
    `SELECT ${columns} FROM blob WHERE kept_at_ms < @beforeMs AND NOT ${isUsed}
     ORDER BY kept_at_ms LIMIT @limit`,
  );
  return {
    loadBlob: (ownerUid, sha256) => load.get(ownerUid, sha256) ?? null,
    loadBlobUse: () => use.all(),
    knownBlobs: (hashes) => known.all(JSON.stringify(hashes)),
    listUnusedBlobs: (beforeMs, limit) => unused.all({ beforeMs, limit }),
  };
}
