// Checkpoint folders that may exist on some file system: recorded before they are created, until
// they are gone.

import type { CheckpointRow } from "../../../core/ports/store.js";
import type { InvocationId, NodeName } from "../../../model/ids.js";
import type { Connection } from "../database.js";
import type { Operations } from "../signatures.js";

interface Row {
  readonly invocation: InvocationId;
  readonly path: string;
  readonly owner_uid: number;
  readonly owner_gid: number;
  readonly owner_user: string;
  readonly ended_at_ms: number | null;
  readonly node: NodeName | null;
}

export function checkpointWrites(
  database: Connection,
): Operations<"saveCheckpoint" | "forgetCheckpoint"> {
  const insert = database.prepare<[number, string]>(
    "INSERT INTO checkpoint (invocation, path) VALUES (?, ?) ON CONFLICT (invocation) DO NOTHING",
  );
  const remove = database.prepare<[number]>("DELETE FROM checkpoint WHERE invocation = ?");
  return {
    saveCheckpoint: (invocation, path) => void insert.run(invocation, path),
    forgetCheckpoint: (invocation) => void remove.run(invocation),
  };
}

export function checkpointReads(database: Connection): Operations<"loadCheckpoints"> {
  const select = database.prepare<[], Row>(
    `SELECT c.invocation, c.path, s.owner_uid, s.owner_gid, s.owner_user, i.ended_at_ms,
       (SELECT a.node FROM attempt AS a WHERE a.invocation = i.id AND a.number = i.attempt) AS node
     FROM checkpoint AS c JOIN invocation AS i ON i.id = c.invocation
       JOIN submission AS s ON s.id = i.submission
     ORDER BY c.invocation`,
  );
  return {
    loadCheckpoints: () =>
      select.all().map(
        (row): CheckpointRow => ({
          invocation: row.invocation,
          path: row.path,
          owner: { uid: row.owner_uid, gid: row.owner_gid, user: row.owner_user },
          node: row.node,
          endedAtMs: row.ended_at_ms,
        }),
      ),
  };
}
