// The ledger: postings written once, summed into bills, and recomputed from the attempts.

import { amountsOf, priceMicroCredits } from "../../../core/accounting/metering.js";
import { type AttemptEnd, isBilled } from "../../../model/invocation.js";
import type { LedgerCheck, LedgerHead } from "../../../model/records/account.js";
import type { Connection } from "../database.js";
import type { Operations } from "../signatures.js";
import { chainChecker, continuationChecker, headReader } from "./chain.js";
import type { LedgerSeal } from "./seal.js";

/** A check lists this many differences; the counts and sums cover the rest. */
const maxDifferences = 10;
/** Old postings are summed by UTC day. */
export const dayMs = 86_400_000;

/** A finished attempt with its posting; the posting's columns are null if it has none. */
export interface LedgerRow {
  readonly invocation: number;
  readonly number: number;
  readonly state: AttemptEnd;
  readonly cores: number;
  readonly memoryMb: number;
  readonly wallMs: number;
  readonly ownerUid: number;
  readonly owner: string;
  readonly uid: number | null;
  readonly user: string | null;
  readonly coreMs: number;
  readonly memoryMbMs: number;
  readonly amountMicroCredits: number;
  readonly microCreditsPerCoreSecond: number;
  readonly microCreditsPerGbSecond: number;
  readonly postedAtMs: number;
  readonly sequence: number;
}

export const finishedAttempts = `
  SELECT a.invocation, a.number, a.state, a.cores, a.memory_mb AS memoryMb, a.wall_ms AS wallMs,
    s.owner_uid AS ownerUid, s.owner_user AS owner, p.owner_uid AS uid, p.owner_user AS user, p.core_ms AS coreMs, p.memory_mb_ms AS memoryMbMs,
    p.amount_micro_credits AS amountMicroCredits,
    p.micro_credits_per_core_second AS microCreditsPerCoreSecond,
    p.micro_credits_per_gb_second AS microCreditsPerGbSecond, p.posted_at_ms AS postedAtMs,
    p.sequence
  FROM attempt AS a
  JOIN invocation AS i ON i.id = a.invocation
  JOIN submission AS s ON s.id = i.submission
  LEFT JOIN posting AS p ON p.invocation = a.invocation AND p.attempt = a.number
  WHERE a.state <> 'RUNNING'`;

const postingsWithoutEnd = `
  SELECT p.invocation, p.attempt AS number, a.state IS NULL AS unknown
  FROM posting AS p LEFT JOIN attempt AS a ON a.invocation = p.invocation AND a.number = p.attempt
  WHERE a.state IS NULL OR a.state = 'RUNNING'`;

interface LedgerDay {
  readonly day: bigint;
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
 * A billed end is final, so an invocation has one posting. The sum of an old day counts as posted
 * at the beginning of the day.
 */
function bill(database: Connection): Operations<"bill">["bill"] {
  // total(), because sum() fails above 64 bits: a site's memory-milliseconds of a year exceed exact
  // numbers (2^53), and are rounded to the nearest one.
  const sumByUser = database
    .prepare<unknown[], { user: string; names: string; [sum: string]: bigint | number | string }>(
      // With max(), SQLite takes a bare column from the row that has the maximum: the newest name.
      `SELECT owner_uid AS uid, owner_user AS user, max(posted_at_ms) AS lastMs,
         json_group_array(DISTINCT owner_user) AS names, total(postings) AS invocations, total(core_ms) AS coreMs,
         total(memory_mb_ms) AS memoryMbMs, total(amount_micro_credits) AS amountMicroCredits
       FROM (
         SELECT owner_uid, owner_user, 1 AS postings, core_ms, memory_mb_ms, amount_micro_credits, posted_at_ms
         FROM posting
         UNION ALL
         SELECT owner_uid, owner_user, postings, core_ms, memory_mb_ms, amount_micro_credits, day * ${dayMs}
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
      invocations: Number(row.invocations),
      coreMs: Number(row.coreMs),
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

/** `attempts` counts those with a billed end: as many as postings, if the ledger balances. */
function verifyLedger(database: Connection, seal: LedgerSeal): (known?: LedgerHead) => LedgerCheck {
  const sumAll = postedSum(database);
  const selectDays = database.prepare<[], LedgerDay>("SELECT * FROM ledger_day").safeIntegers();
  const chainFaults = chainChecker(database, seal);
  const headOf = headReader(database);
  const whyNotContinued = continuationChecker(database);
  const selectFinished = database.prepare<[], LedgerRow>(finishedAttempts);
  const selectWithoutEnd = database.prepare<
    [],
    { invocation: number; number: number; unknown: number }
  >(postingsWithoutEnd);
  return (known) => {
    const putBack = known === undefined ? null : whyNotContinued(known);
    const differences = putBack === null ? [] : [putBack];
    let attempts = 0;
    let recomputed = 0n;
    const note = (row: { invocation: number; number: number }, what: string): void => {
      if (differences.length < maxDifferences)
        differences.push(`attempt ${row.number} of invocation ${row.invocation} ${what}`);
    };
    for (const row of selectFinished.iterate()) {
      if (isBilled(row.state)) attempts++;
      const difference = differenceOf(row);
      if (difference !== null) note(row, difference);
      if (isBilled(row.state) && row.user !== null)
        recomputed += BigInt(priceMicroCredits(row, row));
    }
    for (const row of selectWithoutEnd.iterate())
      note(row, row.unknown ? "was posted but never begun" : "was posted but still runs");
    let { postings, amount } = sumAll();
    let pruned = 0n;
    for (const day of selectDays.iterate()) {
      postings += day.postings;
      amount += day.amount_micro_credits;
      pruned += day.attempts;
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
    const ended = BigInt(attempts) + pruned;
    // Comparisons are exact; displayed values are rounded to the nearest number.
    return {
      balanced: differences.length === 0 && amount === recomputed && postings === ended,
      attempts: Number(ended),
      postings: Number(postings),
      ledgerMicroCredits: Number(amount),
      recomputedMicroCredits: Number(recomputed),
      head: headOf(),
      differences,
    };
  };
}

/** What is wrong with the posting of a finished attempt; null if it is correct. */
export function differenceOf(row: LedgerRow): string | null {
  if (row.user === null)
    return isBilled(row.state) ? `ended ${row.state} but was not posted` : null;
  if (!isBilled(row.state)) return `ended ${row.state}, which is not billed, but was posted`;
  if (row.uid !== row.ownerUid) return `is uid ${row.ownerUid}'s but was posted to uid ${row.uid}`;
  if (row.user !== row.owner) return `is ${row.owner}'s but was posted to ${row.user}`;
  const { coreMs, memoryMbMs } = amountsOf(row);
  if (row.coreMs !== coreMs)
    return `used ${coreMs} core-milliseconds but ${row.coreMs} were posted`;
  if (row.memoryMbMs !== memoryMbMs)
    return `used ${memoryMbMs} MB-milliseconds but ${row.memoryMbMs} were posted`;
  const price = priceMicroCredits(row, row);
  return row.amountMicroCredits === price
    ? null
    : `costs ${price} micro-credits but ${row.amountMicroCredits} were posted`;
}
