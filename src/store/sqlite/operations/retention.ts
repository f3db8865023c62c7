// Removes records older than the site keeps, a few rows at a time; the sums of the ledger stay.

import type { PostingKind } from "../../../model/records/account.js";
import type { Connection } from "../database.js";
import { differenceOf, type FoundPosting, ledgerAttempts } from "../ledger/attempts.js";
import { DaySeals, postingChecker } from "../ledger/chain.js";
import { dayMs } from "../ledger/ledger.js";
import { RemovedPostings } from "../ledger/removed.js";
import type { LedgerSeal } from "../ledger/seal.js";
import type { Operations } from "../signatures.js";
import { documentRemover } from "./documents.js";
import { endPruner } from "./rows/maps.js";
import { runPruner } from "./rows/task-runs.js";

/**
 * Rows of a table that lie completely before @beforeMs, by its key. Their indexes are on times that
 * never change.
 */
const sightings: readonly (readonly [table: string, key: string, isOld: string])[] = [
  ["job_record", "id, started_at_ms", "started_at_ms < @beforeMs AND ended_at_ms < @beforeMs"],
  ["hook_event", "node, job_id, kind, at_ms", "at_ms < @beforeMs"],
  ["eviction", "node, job_id, at_ms", "at_ms < @beforeMs"],
  ["holding", "executor, from_ms", "from_ms < @beforeMs AND to_ms < @beforeMs"],
  ["node_span", "node, from_ms", "from_ms < @beforeMs AND to_ms < @beforeMs"],
  // A condition lasts until the next one of its node.
  [
    "node_condition",
    "node, from_ms",
    `from_ms < @beforeMs AND EXISTS (SELECT 1 FROM node_condition AS later
       WHERE later.node = old.node AND later.from_ms > old.from_ms AND later.from_ms <= @beforeMs)`,
  ],
  ["refused_option", "day, uid, option", `(day + 1) * ${dayMs} <= @beforeMs`],
  ["executor", "id", "started_at_ms < @beforeMs AND gone_at_ms < @beforeMs"],
];

interface Limit {
  readonly beforeMs: number;
  readonly limit: number;
}

export function retentionWrites(database: Connection, seal: LedgerSeal): Operations<"prune"> {
  const deletes = sightings.map(([table, key, isOld]) =>
    database.prepare<Limit>(
      `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} AS old WHERE ${isOld} LIMIT @limit)`,
    ),
  );
  const pruneInvocations = invocationPruner(database, seal);
  return {
    prune(beforeMs, limit) {
      const removed = pruneInvocations({ beforeMs, limit });
      return deletes.reduce((sum, each) => sum + each.run({ beforeMs, limit }).changes, removed);
    },
  };
}

const dayOf = ({ postedAtMs }: FoundPosting): number => Math.floor(postedAtMs / dayMs);

interface SummedPosting {
  readonly day: number;
  readonly uid: number;
  readonly kind: PostingKind;
  readonly user: string;
  readonly price: number;
}

/**
 * Ended invocations, with attempts and postings, and a submission with the last of its invocations.
 */
function invocationPruner(database: Connection, seal: LedgerSeal): (limit: Limit) => number {
  const selectOld = database.prepare<Limit, { id: number; submission: number }>(
    "SELECT id, submission FROM invocation WHERE ended_at_ms < @beforeMs ORDER BY ended_at_ms LIMIT @limit",
  );
  const { of: attemptsOf } = ledgerAttempts(database);
  // The trigger on posting maintains the other side of the day's sum.
  const sumAttempt = database.prepare<SummedPosting>(
    `INSERT INTO ledger_day (day, owner_uid, kind, owner_user, attempts, recomputed_micro_credits)
     VALUES (@day, @uid, @kind, @user, 1, @price)
     ON CONFLICT (day, owner_uid, kind) DO UPDATE SET attempts = attempts + 1,
       recomputed_micro_credits = recomputed_micro_credits + excluded.recomputed_micro_credits`,
  );
  const deleteOf = ["posting", "attempt", "call_input", "call_answer", "call_log"].map((table) =>
    database.prepare<[number]>(`DELETE FROM ${table} WHERE invocation = ?`),
  );
  const deleteInvocation = database.prepare<[number]>("DELETE FROM invocation WHERE id = ?");
  const removeIfLast = submissionRemover(database);
  const pruneEnds = endPruner(database);
  const pruneRuns = runPruner(database);
  const isAsWritten = postingChecker(database, seal);
  const sums = new DaySeals(database, seal);
  const ranges = new RemovedPostings(database, seal);
  return (limit) => {
    let removed = 0;
    for (const { id, submission } of selectOld.all(limit)) {
      const attempts = attemptsOf(id);
      if (attempts.some((each) => differenceOf(each) !== null) || !isAsWritten(id)) continue;
      const postings = attempts.flatMap((each) => each.postings);
      const mayJoin = (posting: FoundPosting): boolean =>
        sums.isSound(dayOf(posting), posting.uid, posting.kind) && ranges.mayAdd(posting.sequence);
      if (!postings.every(mayJoin)) continue;
      for (const each of deleteOf) removed += each.run(id).changes;
      for (const posting of postings) {
        const { uid, kind, user, amountMicroCredits: price, sequence } = posting;
        const day = dayOf(posting);
        // Nothing differs from the attempt, so its price is that of the posting.
        sumAttempt.run({ day, uid, kind, user, price });
        sums.renew(day, uid, kind);
        ranges.add(sequence);
      }
      removed += deleteInvocation.run(id).changes;
      pruneEnds(submission, "first");
      removed += removeIfLast(submission);
    }
    const { tasks, submissions } = pruneRuns(limit);
    for (const id of submissions) removed += removeIfLast(id);
    return removed + tasks;
  };
}

const hasNoInvocation = `NOT EXISTS (SELECT 1 FROM invocation WHERE submission = @id)
  AND NOT EXISTS (SELECT 1 FROM task_run WHERE submission = @id)`;

/** Returns a function that removes a submission without invocations, and counts it. */
function submissionRemover(database: Connection): (id: number) => number {
  const deleteSubmission = database.prepare<
    { id: number },
    { command: number; environment: number }
  >("DELETE FROM submission WHERE id = @id RETURNING command, environment");
  const removeDocument = documentRemover(database);
  const pruneEnds = endPruner(database);
  const isLast = database.prepare<{ id: number }>(`SELECT 1 WHERE ${hasNoInvocation}`);
  return (id) => {
    if (isLast.get({ id }) === undefined) return 0;
    pruneEnds(id, "all");
    const last = deleteSubmission.get({ id });
    if (last === undefined) return 0;
    removeDocument(last.command);
    removeDocument(last.environment);
    return 1;
  };
}
