// What has not ended, as gleanerd loads it when it starts: each invocation and each run of tasks
// with what its submission has for all of them.

import type { LiveInvocation } from "../../../../core/ports/store.js";
import { assert } from "../../../../model/errors.js";
import type { LeaseDigest } from "../../../../model/functions/lease.js";
import type { BlobHash, InvocationId, VersionId } from "../../../../model/ids.js";
import type {
  Mail,
  Schedule,
  SubmissionDigest,
  TimeLimits,
  Where,
} from "../../../../model/invocation.js";
import type { Connection } from "../../database.js";
import type { Operations } from "../../signatures.js";
import { columns, type InvocationRow, invocationOf, tables } from "./invocation-rows.js";
import { type RunRow, selectRuns } from "./task-runs.js";

interface LiveRow extends InvocationRow {
  readonly ran_ms: number;
}

interface DigestRow {
  readonly function_key: string;
  readonly checkpoint_in: string | null;
  readonly document_bytes: number;
  readonly input_bytes: number;
  readonly version: VersionId | null;
  readonly packed_inputs: BlobHash | null;
  /** JSON. */
  readonly schedule: string | null;
  readonly place: string | null;
  readonly mail: string | null;
  readonly time_limits: string | null;
  readonly lease: string | null;
}

/** The tasks of an array share one digest, even after passing between threads. */
export function liveLoader(database: Connection): Operations<"loadLive">["loadLive"] {
  const selectLive = database.prepare<[number, number], LiveRow>(
    `SELECT ${columns},
       (SELECT coalesce(max(a.wall_ms), 0) FROM attempt AS a
        WHERE a.invocation = i.id AND a.state = 'EVICTED' AND a.hot_ms IS NULL) AS ran_ms
     FROM ${tables} WHERE i.ended_at_ms IS NULL AND i.id > ? ORDER BY i.id LIMIT ?`,
  );
  const selectRunsLive = database.prepare<[number, number], LiveRow & RunRow>(
    `${selectRuns(", 0 AS ran_ms")}
     WHERE r.ended_at_ms IS NULL AND r.first_id > ? ORDER BY r.first_id LIMIT ?`,
  );
  const readDigest = digestReader(database);
  return (afterId, limit) => {
    const digests = new Map<InvocationId, SubmissionDigest>();
    const digestOf = (submission: InvocationId) => {
      const digest = digests.get(submission) ?? readDigest(submission);
      digests.set(submission, digest);
      return digest;
    };
    const single = (row: LiveRow): LiveInvocation => ({
      invocation: invocationOf(row),
      digest: digestOf(row.submission),
      ranMs: row.ran_ms,
    });
    const run = (row: LiveRow & RunRow): LiveInvocation => ({
      ...single(row),
      run: { count: row.last_id - row.id + 1, step: row.step },
    });
    return [
      ...selectLive.all(afterId, limit).map(single),
      ...selectRunsLive.all(afterId, limit).map(run),
    ]
      .sort((left, right) => left.invocation.id - right.invocation.id)
      .slice(0, limit);
  };
}

/** Once for a submission: an array may have thousands of runs, and its terms be long. */
function digestReader(database: Connection): (submission: InvocationId) => SubmissionDigest {
  const select = database.prepare<InvocationId, DigestRow>(
    `SELECT s.function_key, s.checkpoint_in, s.document_bytes, s.input_bytes, s.version, s.packed_inputs,
       json_extract(s.terms, '$.schedule') AS schedule, json_extract(s.terms, '$.where') AS place,
       json_extract(s.terms, '$.mail') AS mail,
       json_extract(s.terms, '$.timeLimits') AS time_limits,
       (SELECT json_set(json_extract(d.body, '$.lease'), '$.callLimitMs',
          json_extract(d.body, '$.settings.timeLimitMs'))
        FROM document AS d WHERE d.id = s.command) AS lease
     FROM submission AS s WHERE s.id = ?`,
  );
  return (submission) => {
    const row = select.get(submission);
    assert(row !== undefined, `submission ${submission} is on record`);
    return {
      functionKey: row.function_key,
      checkpointIn: row.checkpoint_in,
      documentBytes: row.document_bytes,
      inputBytes: row.input_bytes,
      version: row.version,
      packedInputs: row.packed_inputs,
      ...(row.schedule !== null && { schedule: JSON.parse(row.schedule) as Schedule }),
      ...(row.mail !== null && { mail: JSON.parse(row.mail) as Mail }),
      ...(row.time_limits !== null && { timeLimits: JSON.parse(row.time_limits) as TimeLimits }),
      ...(row.place !== null && { where: JSON.parse(row.place) as Where }),
      ...(row.lease !== null && { lease: JSON.parse(row.lease) as LeaseDigest }),
    };
  };
}
