// Invocations and their submissions: accepted, listed, loaded, and ended while they wait.

import type { NewInvocations } from "../../../core/ports/store.js";
import { digestOf } from "../../../core/submission/digest.js";
import { type NewTasks, newTasks, taskCountOf } from "../../../core/submission/new-tasks.js";
import { assert, GleanerError } from "../../../model/errors.js";
import { type InvocationId, maxInvocationId } from "../../../model/ids.js";
import { submissionIdOf } from "../../../model/invocation.js";
import type { Connection } from "../database.js";
import type { Operations } from "../signatures.js";
import { inputKeeper, packedKeeper } from "./calls.js";
import { documentKeeper, submissionDescriber, submissionReader } from "./documents.js";
import { invocationOf } from "./rows/invocation-rows.js";
import { liveLoader } from "./rows/live.js";
import { pendingEndNoter } from "./rows/maps.js";
import { matchingLister } from "./rows/matching.js";
import { invocationScanner } from "./rows/scan.js";
import { firstAt, runEnder, runInserter, runLister } from "./rows/task-runs.js";

export function invocationWrites(
  database: Connection,
): Operations<"submit" | "saveTerms" | "endPending" | "submissionToRun"> {
  const changeTerms = database.prepare(
    `UPDATE submission SET name = coalesce(@name, name),
       time_limit_ms = coalesce(@timeLimitMs, time_limit_ms),
       terms = json_patch(json_set(terms, '$.schedule', json(@schedule)), @others)
     WHERE id = @id`,
  );
  return {
    submit: submit(database),
    saveTerms(id, { schedule, ...others }) {
      const { name = null, timeLimitMs = null } = others;
      const texts = { schedule: JSON.stringify(schedule), others: JSON.stringify(others) };
      changeTerms.run({ id, name, timeLimitMs, ...texts });
    },
    endPending: endPending(database),
    // Read on the writing thread: it must not wait behind a list.
    submissionToRun: submissionReader(database),
  };
}

function submit(database: Connection): Operations<"submit">["submit"] {
  const findRequest = requestFinder(database);
  const nextId = idFinder(database);
  const insert = submissionInsert(database);
  return (request) => {
    const { requestId, owner } = request;
    const earlier = findRequest.get(requestId);
    if (earlier !== undefined) {
      if (earlier.owner_uid !== owner.uid)
        throw new GleanerError(
          "NOT_ALLOWED",
          "another user has used this request id already: send the request again under a new one",
        );
      return { id: earlier.id, tasks: earlier.tasks, isNew: false };
    }
    const id = nextId();
    return { id, tasks: insert(id, request), isNew: true };
  };
}

/** Returns the id that the next invocation gets. */
export function idFinder(database: Connection): () => InvocationId {
  const select = database
    .prepare<[], InvocationId>(
      "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'invocation'",
    )
    .pluck();
  return () => select.get()!;
}

/** Inserts a submission under an id, and its invocations from that id on; returns their number. */
export function submissionInsert(
  database: Connection,
): (id: InvocationId, request: NewInvocations) => number {
  const insertSubmission = database.prepare(
    `INSERT INTO submission (id, request_id, owner_uid, owner_gid, owner_user, name, cores, memory_mb,
       gpus, time_limit_ms, submitted_at_ms, tasks, function_key, checkpoint_in, document_bytes,
       version, input_bytes, packed_inputs, command, environment, terms)
     VALUES (@id, @requestId, @uid, @gid, @user, @name, @cores, @memoryMb,
       @gpus, @timeLimitMs, @submittedAtMs, @tasks, @functionKey, @checkpointIn, @documentBytes,
       @version, @inputBytes, @packedInputs, @command, @environment, @terms)`,
  );
  const keepDocuments = documentKeeper(database);
  const keepInputs = inputKeeper(database);
  const keepPacked = packedKeeper(database);
  const insertTasks = taskInserter(database);
  const useIds = idReserver(database);
  return (id, request) => {
    const { requestId, owner, submission, submittedAtMs } = request;
    const { inputs = [], packed } = request;
    const tasks = taskCountOf(submission);
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
      tasks,
      ...digestOf(owner.uid, submission, inputs, packed?.sha256 ?? null),
      ...keepDocuments(owner.uid, submission),
    });
    insertTasks(newTasks(request, id));
    useIds(id + tasks - 1);
    const { command } = submission;
    // A lease has none that it needs again.
    if (command.kind !== "call" || command.lease === undefined) keepInputs(id, inputs);
    if (packed !== undefined) keepPacked(id, packed, { uid: owner.uid, atMs: submittedAtMs });
    return tasks;
  };
}

/** The submission that was made with a request id. */
export const requestFinder = (database: Connection) =>
  database.prepare<[string], { id: InvocationId; owner_uid: number; tasks: number }>(
    "SELECT id, owner_uid, tasks FROM submission WHERE request_id = ?",
  );

function taskInserter(database: Connection): (tasks: readonly NewTasks[]) => void {
  const insertInvocation = database.prepare(
    `INSERT INTO invocation (id, submission, array_task_id, state, attempt)
     VALUES (@id, @submission, @task, 'PENDING', 0)`,
  );
  const insertRun = runInserter(database);
  return (tasks) => {
    for (const { invocation, run } of tasks) {
      const { id, arrayTaskId: task } = invocation;
      if (run !== undefined) insertRun(invocation, run);
      else insertInvocation.run({ id, submission: submissionIdOf(invocation), task });
    }
  };
}

/** Returns a function that keeps ids up to this one from being given again. */
export function idReserver(database: Connection): (last: number) => void {
  const raise = database.prepare<{ last: number }>(
    "UPDATE sqlite_sequence SET seq = @last WHERE name = 'invocation' AND seq < @last",
  );
  // The sequence has a row from the first insertion on.
  const insert = database.prepare<{ last: number }>(
    `INSERT INTO sqlite_sequence (name, seq) SELECT 'invocation', @last
     WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'invocation')`,
  );
  return (last) => {
    if (last > maxInvocationId)
      throw new GleanerError(
        "LIMIT_REACHED",
        "no ids are left: an administrator must move gleanerd's database away and start a new one",
      );
    insert.run({ last });
    raise.run({ last });
  };
}

function endPending(database: Connection): Operations<"endPending">["endPending"] {
  const end = database.prepare(
    `UPDATE invocation SET state = @state, reason = @reason, ended_at_ms = @endedAtMs
     WHERE id BETWEEN @first AND @last AND state = 'PENDING'`,
  );
  const endRuns = runEnder(database);
  const noteEnds = pendingEndNoter(database);
  return (ranges, state, reason, endedAtMs) => {
    assert(state === "CANCELLED" || state === "FAILED", `PENDING may become ${state}`);
    let count = 0;
    for (const [first, last] of ranges) {
      noteEnds(first, last);
      count += end.run({ first, last, state, reason, endedAtMs }).changes;
      count += endRuns([first, last], { state, reason, endedAtMs });
    }
    return count;
  };
}

export function invocationReads(
  database: Connection,
): Operations<
  "loadLive" | "listInvocations" | "scanInvocations" | "submissionOf" | "describeSubmissions"
> {
  const selectSubmissionId = database
    .prepare<{ id: InvocationId }, InvocationId>(
      `SELECT submission FROM invocation WHERE id = @id
       UNION ALL SELECT submission FROM task_run
         WHERE first_id = ${firstAt("@id")} AND last_id >= @id`,
    )
    .pluck();
  const readSubmission = submissionReader(database);
  const listRuns = runLister(database);
  const listMatching = matchingLister(database);
  return {
    loadLive: liveLoader(database),
    listInvocations(filter) {
      const rows = listMatching(filter);
      const areAll = filter.ids !== undefined && rows.length === filter.ids.length;
      return [...rows, ...(areAll ? [] : listRuns(filter))]
        .sort((left, right) => left.id - right.id)
        .slice(0, filter.limit)
        .map(invocationOf);
    },
    scanInvocations: invocationScanner(database),
    describeSubmissions: submissionDescriber(database),
    submissionOf(id) {
      const submission = selectSubmissionId.get({ id });
      return submission === undefined ? null : readSubmission(submission);
    },
  };
}
