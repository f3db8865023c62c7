// The ledger: postings written once, summed into bills, and recomputed from the attempts.

import { chargesOf, isCharged, priceMicroCredits } from "../../../core/accounting/metering.js";
import type { LedgerCheck, LedgerHead, PostingKind } from "../../../model/records/account.js";
import type { Connection } from "../database.js";
import type { Operations } from "../signatures.js";
import { type ChargedAttempt, differenceOf, ledgerAttempts } from "./attempts.js";
import { chainChecker, continuationChecker, headReader } from "./chain.js";
import type { LedgerSeal } from "./seal.js";

/** A check lists this many differences; the counts and sums cover the rest. */
const maxDifferences = 10;
/** Old postings are summed by UTC day. */
export const dayMs = 86_400_000;

const postingsWithoutEnd = `
  SELECT DISTINCT p.invocation, p.attempt AS number, a.state IS NULL AS unknown
  FROM posting AS p LEFT JOIN attempt AS a ON a.invocation = p.invocation AND a.number = p.attempt
  WHERE a.state IS NULL OR a.state = 'RUNNING'`;

interface LedgerDay {
  readonly day: bigint;
  readonly kind: PostingKind;
  readonly owner_user: string;
  readonly postings: bigint;
  readonly amount_micro_credits: bigint;
  readonly attempts: bigint;
  readonly recomputed_micro_credits: bigint;
}

export function ledgerReads(
  database: Connection,
  seal: LedgerSeal,
): Operations<"bill" | "verifyLedger" | "uidNamed"> {
  return {
    bill: bill(database),
    verifyLedger: verifyLedger(database, seal),
    uidNamed: uidNamed(database),
  };
}

/**
 * Finds the last user of a name: submissions are removed after store.retainDays, sums and functions
 * stay.
 */
function uidNamed(database: Connection): Operations<"uidNamed">["uidNamed"] {
  const select = database
    .prepare<{ name: string }, number>(
      `SELECT owner_uid FROM (
         SELECT owner_uid, submitted_at_ms AS at_ms FROM submission WHERE owner_user = @name
         UNION ALL SELECT owner_uid, posted_at_ms FROM posting WHERE owner_user = @name
         UNION ALL SELECT owner_uid, day * ${dayMs} FROM ledger_day WHERE owner_user = @name
         UNION ALL SELECT f.owner_uid, v.deployed_at_ms FROM function AS f
           JOIN function_version AS v ON v.function = f.id WHERE f.owner_user = @name)
       ORDER BY at_ms DESC LIMIT 1`,
    )
    .pluck();
  return (name) => select.get({ name }) ?? null;
}

/**
 * Each billed attempt has one posting of its execution. The sum of an old day counts as posted at
 * the beginning of the day.
 */
function bill(database: Connection): Operations<"bill">["bill"] {
  // total(), because sum() fails above 64 bits: a site's memory-milliseconds of a year exceed exact
  // numbers (2^53), and are rounded to the nearest one.
  const sumByUser = database
    .prepare<unknown[], { user: string; names: string; [sum: string]: bigint | number | string }>(
      // With max(), SQLite takes a bare column from the row that has the maximum: the newest name.
      `SELECT owner_uid AS uid, owner_user AS user, max(posted_at_ms) AS lastMs,
         json_group_array(DISTINCT owner_user) AS names,
         total(postings) FILTER (WHERE kind = 'execution') AS attempts, total(core_ms) AS coreMs,
         total(core_ms) FILTER (WHERE kind = 'held') AS heldCoreMs,
         total(core_ms) FILTER (WHERE kind = 'hot') AS hotCoreMs, total(memory_mb_ms) AS memoryMbMs, total(amount_micro_credits) AS amountMicroCredits
       FROM (
         SELECT owner_uid, owner_user, kind, 1 AS postings, core_ms, memory_mb_ms, amount_micro_credits, posted_at_ms
         FROM posting
         UNION ALL
         SELECT owner_uid, owner_user, kind, postings, core_ms, memory_mb_ms, amount_micro_credits, day * ${dayMs}
         FROM ledger_day)
       WHERE (@uid IS NULL OR owner_uid = @uid)
         AND (@fromMs IS NULL OR posted_at_ms >= @fromMs) AND (@toMs IS NULL OR posted_at_ms < @toMs)
       GROUP BY owner_uid ORDER BY user, owner_uid`,
    )
    .safeIntegers();
  return ({ uid, fromMs, toMs }) =>
    sumByUser.all({ uid: uid ?? null, fromMs: fromMs ?? null, toMs: toMs ?? null }).map((row) => ({
      uid: Number(row.uid),
      user: row.user,
      otherNames: (JSON.parse(row.names) as string[]).filter((name) => name !== row.user).sort(),
      attempts: Number(row.attempts),
      coreMs: Number(row.coreMs),
      heldCoreMs: Number(row.heldCoreMs),
      hotCoreMs: Number(row.hotCoreMs),
      memoryMbMs: Number(row.memoryMbMs),
      amountMicroCredits: Number(row.amountMicroCredits),
    }));
}

/**
 * All postings that still exist. Their amounts are summed in two halves, because sum() fails above
 * 64 bits.
 */
function postedSum(database: Connection): () => { postings: bigint; amount: bigint } {
  const sumAll = database
    .prepare<[], { postings: bigint; high: bigint; low: bigint }>(
      `SELECT count(*) AS postings, coalesce(sum(amount_micro_credits >> 32), 0) AS high,
         coalesce(sum(amount_micro_credits & 4294967295), 0) AS low FROM posting`,
    )
    .safeIntegers();
  return () => {
    const { postings, high, low } = sumAll.get()!;
    return { postings, amount: (high << 32n) + low };
  };
}

/** `attempts` counts those with a billed end; those of leases have up to three postings. */
function verifyLedger(database: Connection, seal: LedgerSeal): (known?: LedgerHead) => LedgerCheck {
  const sumAll = postedSum(database);
  const selectDays = database.prepare<[], LedgerDay>("SELECT * FROM ledger_day").safeIntegers();
  const chainFaults = chainChecker(database, seal);
  const headOf = headReader(database);
  const whyNotContinued = continuationChecker(database);
  const { all: finished } = ledgerAttempts(database);
  const selectWithoutEnd = database.prepare<
    [],
    { invocation: number; number: number; unknown: number }
  >(postingsWithoutEnd);
  return (known) => {
    const putBack = known === undefined ? null : whyNotContinued(known);
    const differences = putBack === null ? [] : [putBack];
    let attempts = 0n;
    let charges = 0n;
    let recomputed = 0n;
    const note = (row: { invocation: number; number: number }, what: string): void => {
      if (differences.length < maxDifferences)
        differences.push(`attempt ${row.number} of invocation ${row.invocation} ${what}`);
    };
    for (const attempt of finished()) {
      const difference = differenceOf(attempt);
      if (difference !== null) note(attempt, difference);
      if (!isCharged(attempt.state, attempt)) continue;
      attempts++;
      charges += BigInt(chargesOf(attempt).length);
      recomputed += priceOf(attempt);
    }
    for (const row of selectWithoutEnd.iterate())
      note(row, row.unknown ? "was posted but never begun" : "was posted but still runs");
    let { postings, amount } = sumAll();
    for (const day of selectDays.iterate()) {
      postings += day.postings;
      amount += day.amount_micro_credits;
      charges += day.attempts;
      if (day.kind === "execution") attempts += day.attempts;
      recomputed += day.recomputed_micro_credits;
      const agrees =
        day.postings === day.attempts && day.amount_micro_credits === day.recomputed_micro_credits;
      if (!agrees && differences.length < maxDifferences)
        differences.push(
          `the sums of ${day.owner_user} for day ${day.day} (of ${dayMs} ms since 1970) do not agree`,
        );
    }
    for (const fault of chainFaults())
      if (differences.length < maxDifferences) differences.push(fault);
    // Comparisons are exact; displayed values are rounded to the nearest number.
    return {
      balanced: differences.length === 0 && amount === recomputed && postings === charges,
      attempts: Number(attempts),
      postings: Number(postings),
      ledgerMicroCredits: Number(amount),
      recomputedMicroCredits: Number(recomputed),
      head: headOf(),
      differences,
    };
  };
}

/** At the rates of its postings; a charge without a posting has no rate. */
function priceOf(attempt: ChargedAttempt): bigint {
  const charges = new Map(chargesOf(attempt).map((charge) => [charge.kind, charge]));
  return attempt.postings.reduce((sum, posting) => {
    const charge = charges.get(posting.kind);
    return charge === undefined ? sum : sum + BigInt(priceMicroCredits(charge, posting));
  }, 0n);
}
