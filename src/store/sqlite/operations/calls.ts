// Inputs and answers of calls: kept with the invocation, removed when results are old.

import type { KeptEnd, KeptLog, LogFilter } from "../../../core/ports/answers.js";
import type { PackedInputs } from "../../../core/ports/maps.js";
import type { AttemptResult } from "../../../core/ports/store.js";
import { type CallAnswer, isStored, type Payload, type RemoteError } from "../../../model/call.js";
import type { BlobHash, InvocationId } from "../../../model/ids.js";
import type { Connection } from "../database.js";
import type { Operations } from "../signatures.js";
import { blobWrites } from "./functions/blobs.js";
import { packedInputsPruner } from "./rows/maps.js";

/** Either the body, or where it is. */
interface InputRow {
  readonly content_type: string;
  readonly body: Buffer | null;
  readonly blob: BlobHash | null;
  readonly bytes: number | null;
}

interface AnswerRow {
  readonly invocation: InvocationId;
  readonly kind: CallAnswer["kind"];
  readonly content_type: string | null;
  readonly body: Buffer | null;
  readonly blob: BlobHash | null;
  readonly bytes: number | null;
  readonly error: string | null;
}

/** `kind`: null if there is no answer. */
interface EndRow extends Omit<AnswerRow, "invocation" | "kind">, Omit<KeptEnd, "answer"> {
  readonly kind: AnswerRow["kind"] | null;
}

/** A large payload is its owner's: a key of the table `blob`. */
const columnsOf = (payload: Payload) =>
  isStored(payload) ? { body: null, ...payload } : { blob: null, bytes: null, ...payload };

/** An owner only where there is a blob. */
const ownerOfInvocation = `(SELECT s.owner_uid FROM invocation AS i
  JOIN submission AS s ON s.id = i.submission WHERE i.id = @invocation AND @blob IS NOT NULL)`;

/** The tasks of a map may have no rows yet. */
const ownerOfSubmission =
  "(SELECT owner_uid FROM submission WHERE id = @submission AND @blob IS NOT NULL)";

const insertInput = `INSERT INTO call_input (invocation, content_type, body, owner_uid, blob, bytes)
  VALUES (@invocation, @contentType, @body, ${ownerOfSubmission}, @blob, @bytes)`;

/** Keeps the inputs of the invocations from `first` on, one for each. */
export function inputKeeper(
  database: Connection,
): (first: number, inputs: readonly Payload[]) => void {
  const insert = database.prepare(insertInput);
  return (first, inputs) =>
    inputs.forEach((input, at) => {
      insert.run({ submission: first, invocation: first + at, ...columnsOf(input) });
    });
}

/** Records the content with the inputs of the tasks from `first` on, and those it has not. */
export function packedKeeper(
  database: Connection,
): (first: number, packed: PackedInputs, owner: { uid: number; atMs: number }) => void {
  const { keepBlob } = blobWrites(database);
  const insert = database.prepare(insertInput);
  return (first, { sha256, bytes, large }, { uid, atMs }) => {
    keepBlob({ ownerUid: uid, sha256, bytes, keptAtMs: atMs });
    for (const { task, payload } of large)
      insert.run({ submission: first, invocation: first + task, ...columnsOf(payload) });
  };
}

/** Keeps what is left of an ended call. */
export function callKeeper(
  database: Connection,
): (result: Pick<AttemptResult, "invocation" | "answer" | "log" | "endedAtMs">) => void {
  const keepAnswer = answerKeeper(database);
  const insertLog = database.prepare<{ id: number; atMs: number; log: Uint8Array }>(
    `INSERT INTO call_log (invocation, uid, name, ended_at_ms, body)
     SELECT i.id, s.owner_uid, s.name, @atMs, @log FROM invocation AS i
       JOIN submission AS s ON s.id = i.submission WHERE i.id = @id`,
  );
  return ({ invocation, answer, log, endedAtMs }) => {
    if (answer !== null) keepAnswer(invocation, answer, endedAtMs);
    if (log !== null) insertLog.run({ id: invocation, atMs: endedAtMs, log });
  };
}

function answerKeeper(
  database: Connection,
): (invocation: InvocationId, answer: CallAnswer, atMs: number) => void {
  const insert = database.prepare(
    `INSERT INTO call_answer
       (invocation, kind, content_type, body, owner_uid, blob, bytes, error, answered_at_ms)
     VALUES (@invocation, @kind, @contentType, @body, ${ownerOfInvocation}, @blob, @bytes, @error,
       @atMs)`,
  );
  const nothing = { contentType: null, body: null, blob: null, bytes: null };
  return (invocation, answer, atMs) => {
    const result = answer.kind === "result" ? columnsOf(answer.payload) : nothing;
    const error = answer.kind === "result" ? null : JSON.stringify(answer.error);
    insert.run({ invocation, kind: answer.kind, ...result, error, atMs });
  };
}

export function callWrites(database: Connection): Operations<"inputToRun" | "pruneAnswers"> {
  const select = database.prepare<[number], InputRow>(
    "SELECT content_type, body, blob, bytes FROM call_input WHERE invocation = ?",
  );
  const remove = database.prepare<[number, number], { invocation: number }>(
    `DELETE FROM call_answer WHERE invocation IN
       (SELECT invocation FROM call_answer WHERE answered_at_ms < ? LIMIT ?)
     RETURNING invocation`,
  );
  const removeRest = ["call_input", "call_log"].map((table) =>
    database.prepare<[number]>(`DELETE FROM ${table} WHERE invocation = ?`),
  );
  const forgetPacked = packedInputsPruner(database);
  return {
    // Read on the writing thread: it must not wait behind a list.
    inputToRun: (invocation) => payloadOf(select.get(invocation)),
    pruneAnswers(beforeMs, limit) {
      const removed = remove.all(beforeMs, limit);
      for (const { invocation } of removed) for (const each of removeRest) each.run(invocation);
      return removed.length + forgetPacked(beforeMs);
    },
  };
}

export function callReads(
  database: Connection,
): Operations<
  "inputOf" | "answerOf" | "callLogOf" | "listLogs" | "listAnswers" | "listEnds" | "tasksOf"
> {
  const selectInput = database.prepare<[number], InputRow>(
    "SELECT content_type, body, blob, bytes FROM call_input WHERE invocation = ?",
  );
  const select = database.prepare<[number], AnswerRow>(
    "SELECT * FROM call_answer WHERE invocation = ?",
  );
  const selectRange = database.prepare<[number, number, number], AnswerRow>(
    `SELECT * FROM call_answer WHERE invocation BETWEEN ? AND ? ORDER BY invocation LIMIT ?`,
  );
  const selectEnds = database.prepare<[number, number], EndRow>(
    `SELECT i.id, i.state, i.reason, a.kind, a.content_type, a.body, a.error, a.blob, a.bytes
     FROM invocation AS i LEFT JOIN call_answer AS a ON a.invocation = i.id
     WHERE i.id BETWEEN ? AND ? AND i.ended_at_ms IS NOT NULL ORDER BY i.id`,
  );
  const selectLog = database
    .prepare<[number], Buffer>("SELECT body FROM call_log WHERE invocation = ?")
    .pluck();
  const selectLogs = database.prepare<LogFilter & { readonly limit: number }, KeptLog>(
    `SELECT l.number, CASE WHEN i.array_task_id IS NULL THEN CAST(i.id AS TEXT)
         ELSE i.submission || '_' || i.array_task_id END AS id, l.ended_at_ms AS endedAtMs, l.body
     FROM call_log AS l JOIN invocation AS i ON i.id = l.invocation
     WHERE l.uid = @uid AND l.name = @name AND l.number > @after AND l.ended_at_ms >= @sinceMs
     ORDER BY l.number LIMIT @limit`,
  );
  const selectLastLog = database
    .prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'call_log'")
    .pluck();
  const selectTasks = database
    .prepare<[number], number>("SELECT tasks FROM submission WHERE id = ?")
    .pluck();
  return {
    tasksOf: (array) => selectTasks.get(array) ?? 0,
    listLogs(filter, limit) {
      // Read first: what is recorded meanwhile comes next.
      const last = selectLastLog.get() ?? 0;
      const logs = selectLogs.all({ ...filter, limit });
      return { logs, next: logs.at(-1)?.number ?? Math.max(filter.after, last) };
    },
    callLogOf: (invocation) => selectLog.get(invocation) ?? null,
    inputOf: (invocation) => payloadOf(selectInput.get(invocation)),
    answerOf(invocation) {
      const row = select.get(invocation);
      return row === undefined ? null : answerIn(row);
    },
    listAnswers: (first, last, limit) =>
      selectRange
        .all(first, last, limit)
        .map((row) => ({ invocation: row.invocation, answer: answerIn(row) })),
    listEnds: (first, last) =>
      selectEnds.all(first, last).map(({ id, state, reason, kind, ...row }) => ({
        ...{ id, state, reason },
        answer: kind === null ? null : answerIn({ kind, ...row }),
      })),
  };
}

const payloadOf = (row: InputRow | undefined): Payload | null =>
  row === undefined ? null : payloadIn(row);

function payloadIn({ content_type: contentType, body, blob, bytes }: InputRow): Payload {
  return blob === null ? { contentType, body: body! } : { contentType, blob, bytes: bytes! };
}

function answerIn({
  kind,
  content_type,
  error,
  ...row
}: Omit<AnswerRow, "invocation">): CallAnswer {
  if (kind === "result")
    return { kind, payload: payloadIn({ content_type: content_type!, ...row }) };
  return { kind, error: JSON.parse(error!) as RemoteError };
}
