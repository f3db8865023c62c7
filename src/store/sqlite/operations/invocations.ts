// Invocations and their submissions: accepted, listed, loaded, and ended while they wait.

import type {
  InvocationFilter,
  LiveInvocation,
  NewInvocations,
} from "../../../core/ports/store.js";
import { digestOf } from "../../../core/submission/digest.js";
import { assert, GleanerError } from "../../../model/errors.js";
import { type InvocationId, invocationId, type VersionId } from "../../../model/ids.js";
import {
  type Invocation,
  invocationTransitions,
  isFinal,
  newInvocation,
  type SubmissionDigest,
} from "../../../model/invocation.js";
import { mayBecome } from "../../../model/machine.js";
import type { Connection } from "../database.js";
import type { Operations } from "../signatures.js";
import { inputKeeper } from "./calls.js";
import { documentKeeper, submissionReader } from "./documents.js";
import { columns, type InvocationRow, invocationOf, tables } from "./invocation-rows.js";
import { invocationScanner } from "./scan.js";

interface LiveRow extends InvocationRow {
  readonly function_key: string;
  readonly checkpoint_in: string | null;
  readonly document_bytes: number;
  readonly input_bytes: number;
  readonly version: VersionId | null;
  readonly ran_ms: number;
}

export function invocationWrites(
  database: Connection,
): Operations<"submit" | "endPending" | "submissionToRun"> {
  return {
    submit: submit(database),
    endPending: endPending(database),
    // Read on the writing thread: it must not wait behind a list.
    submissionToRun: submissionReader(database),
  };
}

function submit(database: Connection): Operations<"submit">["submit"] {
  const findRequest = requestFinder(database);
  const nextId = database
    .prepare<[], number>(
      "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'invocation'",
    )
    .pluck();
  const insertSubmission = database.prepare(
    `INSERT INTO submission (id, request_id, owner_uid, owner_gid, owner_user, name, cores, memory_mb,
       gpus, time_limit_ms, submitted_at_ms, tasks, function_key, checkpoint_in, document_bytes,
       version, input_bytes, command, environment, terms)
     VALUES (@id, @requestId, @uid, @gid, @user, @name, @cores, @memoryMb,
       @gpus, @timeLimitMs, @submittedAtMs, @tasks, @functionKey, @checkpointIn, @documentBytes,
       @version, @inputBytes, @command, @environment, @terms)`,
  );
  const keepDocuments = documentKeeper(database);
  const keepInputs = inputKeeper(database);
  // json_each returns the tasks in order, with `key` counting from 0.
  const insertInvocations = database.prepare<{ id: number; tasks: string }>(
    `INSERT INTO invocation (id, submission, array_task_id, state, attempt)
     SELECT @id + key, @id, value, 'PENDING', 0 FROM json_each(@tasks)`,
  );
  const selectTasks = database.prepare<{ id: number; tasks: number }, InvocationRow>(
    `SELECT ${columns} FROM ${tables} WHERE i.id BETWEEN @id AND @id + @tasks - 1 ORDER BY i.id`,
  );
  return (request) => {
    const { requestId, owner, submission, submittedAtMs } = request;
    const earlier = findRequest.get(requestId);
    if (earlier !== undefined) {
      if (earlier.owner_uid !== owner.uid)
        throw new GleanerError(
          "NOT_ALLOWED",
          "another user has used this request id already: send the request again under a new one",
        );
      return selectTasks.all(earlier).map(invocationOf);
    }
    const taskIds = submission.arrayTasks ?? [null];
    const id = nextId.get()!;
    insertSubmission.run({
      id,
      requestId,
      uid: owner.uid,
      gid: owner.gid,
      user: owner.user,
      name: submission.name,
      cores: submission.cores,
      memoryMb: submission.memoryMb,
      gpus: submission.gpus,
      timeLimitMs: submission.timeLimitMs,
      submittedAtMs,
      tasks: taskIds.length,
      ...digestOf(owner.uid, submission, request.inputs),
      ...keepDocuments(owner.uid, submission),
    });
    insertInvocations.run({ id, tasks: JSON.stringify(taskIds) });
    keepInputs(id, request.inputs ?? []);
    return taskIds.map((task, at) => submitted(request, id, at, task));
  };
}

/** The submission that was made with a request id. */
const requestFinder = (database: Connection) =>
  database.prepare<[string], { id: number; owner_uid: number; tasks: number }>(
    "SELECT id, owner_uid, tasks FROM submission WHERE request_id = ?",
  );

/** In the form of a read: an array of thousands need not be read again. */
function submitted(
  { owner, submission, submittedAtMs }: NewInvocations,
  first: number,
  at: number,
  task: number | null,
): Invocation {
  const { name, cores, memoryMb, gpus, timeLimitMs } = submission;
  return newInvocation({
    id: invocationId(first + at),
    arrayJobId: task === null ? null : invocationId(first),
    arrayTaskId: task,
    owner,
    name,
    cores,
    memoryMb,
    gpus,
    timeLimitMs,
    submittedAtMs,
  });
}

function endPending(database: Connection): Operations<"endPending">["endPending"] {
  const end = database.prepare(
    `UPDATE invocation SET state = @state, reason = @reason, ended_at_ms = @endedAtMs
     WHERE id IN (SELECT value FROM json_each(@ids)) AND state = 'PENDING'`,
  );
  return (invocations, state, reason, endedAtMs) => {
    assert(mayBecome(invocationTransitions, "PENDING", state), `PENDING may become ${state}`);
    return end.run({ ids: JSON.stringify(invocations), state, reason, endedAtMs }).changes;
  };
}

export function invocationReads(
  database: Connection,
): Operations<"loadLive" | "listInvocations" | "scanInvocations" | "submissionOf"> {
  const selectLive = database.prepare<[number, number], LiveRow>(
    `SELECT ${columns}, s.function_key, s.checkpoint_in, s.document_bytes, s.input_bytes, s.version,
       (SELECT coalesce(max(a.wall_ms), 0) FROM attempt AS a
        WHERE a.invocation = i.id AND a.state = 'EVICTED') AS ran_ms
     FROM ${tables} WHERE i.ended_at_ms IS NULL AND i.id > ? ORDER BY i.id LIMIT ?`,
  );

  const selectSubmissionId = database
    .prepare<[number], InvocationId>("SELECT submission FROM invocation WHERE id = ?")
    .pluck();
  const readSubmission = submissionReader(database);

  /** The tasks of an array share one digest, even after passing between threads. */
  function loadLive(afterId: number, limit: number): readonly LiveInvocation[] {
    const digests = new Map<InvocationId, SubmissionDigest>();
    return selectLive.all(afterId, limit).map((row) => {
      const digest = digests.get(row.submission) ?? {
        functionKey: row.function_key,
        checkpointIn: row.checkpoint_in,
        documentBytes: row.document_bytes,
        inputBytes: row.input_bytes,
        version: row.version,
      };
      digests.set(row.submission, digest);
      return { invocation: invocationOf(row), digest, ranMs: row.ran_ms };
    });
  }

  return {
    loadLive,
    listInvocations(filter) {
      const where = conditionsOf(filter);
      return database
        .prepare<unknown[], InvocationRow>(
          `SELECT ${columns} FROM ${tables} WHERE ${where.join(" AND ")} ORDER BY i.id LIMIT @limit`,
        )
        .all({
          uid: filter.uid,
          ids: JSON.stringify(filter.ids),
          arrayJobId: filter.arrayJobId,
          arrayTaskId: filter.arrayTaskId,
          states: JSON.stringify(filter.states),
          sinceMs: filter.sinceMs,
          limit: filter.limit,
        })
        .map(invocationOf);
    },
    scanInvocations: invocationScanner(database),
    submissionOf(id) {
      const submission = selectSubmissionId.get(id);
      return submission === undefined ? null : readSubmission(submission);
    },
  };
}

/** Fixed pieces of SQL; all values are bound. */
function conditionsOf(filter: InvocationFilter): readonly string[] {
  const where = ["TRUE"];
  if (filter.uid !== undefined) where.push("s.owner_uid = @uid");
  if (filter.ids !== undefined) where.push("i.id IN (SELECT value FROM json_each(@ids))");
  if (filter.arrayJobId !== undefined)
    // The tasks' ids follow the array's own: a range of the primary key, without another index.
    where.push(
      `i.submission = @arrayJobId AND i.array_task_id IS NOT NULL AND i.id BETWEEN @arrayJobId
         AND @arrayJobId + (SELECT tasks FROM submission WHERE id = @arrayJobId) - 1`,
    );
  if (filter.arrayTaskId !== undefined) where.push("i.array_task_id = @arrayTaskId");
  if (filter.states !== undefined) {
    where.push("i.state IN (SELECT value FROM json_each(@states))");
    if (!filter.states.some(isFinal)) where.push("i.ended_at_ms IS NULL");
  }
  // As with sacct -S: invocations that still existed at that time, or came later.
  if (filter.sinceMs !== undefined)
    where.push("(i.ended_at_ms IS NULL OR i.ended_at_ms >= @sinceMs)");
  return where;
}
