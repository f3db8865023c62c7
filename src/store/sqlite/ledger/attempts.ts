// Finished attempts with their postings, and whether those are right.

import { chargesOf, isCharged, priceMicroCredits } from "../../../core/accounting/metering.js";
import type { AttemptEnd } from "../../../model/invocation.js";
import type { Connection } from "../database.js";
import type { SealedPosting } from "./seal.js";

export interface ChargedAttempt {
  readonly invocation: number;
  readonly number: number;
  readonly state: AttemptEnd;
  readonly cores: number;
  readonly memoryMb: number;
  readonly wallMs: number;
  readonly shareMs: number | null;
  readonly cpuMs: number;
  readonly hotMs: number | null;
  readonly ownerUid: number;
  readonly owner: string;
  readonly postings: readonly FoundPosting[];
}

export type FoundPosting = Omit<SealedPosting, "previous" | "invocation" | "attempt">;

/** One for each posting, or one without a kind. */
type Row = Omit<ChargedAttempt, "postings"> & {
  readonly [Key in keyof FoundPosting]: FoundPosting[Key] | null;
};

const finishedAttempts = `
  SELECT a.invocation, a.number, a.state, a.cores, a.memory_mb AS memoryMb, a.wall_ms AS wallMs,
    a.share_ms AS shareMs, a.cpu_ms AS cpuMs, a.hot_ms AS hotMs, s.owner_uid AS ownerUid, s.owner_user AS owner,
    p.kind, p.owner_uid AS uid, p.owner_user AS user, p.core_ms AS coreMs, p.memory_mb_ms AS memoryMbMs,
    p.amount_micro_credits AS amountMicroCredits,
    p.micro_credits_per_core_second AS microCreditsPerCoreSecond,
    p.micro_credits_per_gb_second AS microCreditsPerGbSecond, p.posted_at_ms AS postedAtMs,
    p.sequence
  FROM attempt AS a
  JOIN invocation AS i ON i.id = a.invocation
  JOIN submission AS s ON s.id = i.submission
  LEFT JOIN posting AS p ON p.invocation = a.invocation AND p.attempt = a.number
  WHERE a.state <> 'RUNNING'`;
const inOrder = "ORDER BY a.invocation, a.number";

export function ledgerAttempts(database: Connection): {
  all(): Iterable<ChargedAttempt>;
  of(invocation: number): readonly ChargedAttempt[];
} {
  const selectAll = database.prepare<[], Row>(`${finishedAttempts} ${inOrder}`);
  const selectOf = database.prepare<[number], Row>(
    `${finishedAttempts} AND a.invocation = ? ${inOrder}`,
  );
  return {
    all: () => together(selectAll.iterate()),
    of: (invocation) => [...together(selectOf.all(invocation))],
  };
}

function* together(rows: Iterable<Row>): Iterable<ChargedAttempt> {
  let last: (ChargedAttempt & { readonly postings: FoundPosting[] }) | null = null;
  for (const row of rows) {
    const isSame = last?.invocation === row.invocation && last.number === row.number;
    if (!isSame) {
      if (last !== null) yield last;
      last = { ...row, postings: [] };
    }
    if (row.kind !== null) last!.postings.push(row as FoundPosting);
  }
  if (last !== null) yield last;
}

/** What is wrong with the postings of a finished attempt; null if they are correct. */
export function differenceOf(attempt: ChargedAttempt): string | null {
  const { state, postings } = attempt;
  if (!isCharged(state, attempt))
    return postings.length === 0 ? null : `ended ${state}, which is not billed, but was posted`;
  if (postings.length === 0) return `ended ${state} but was not posted`;
  const charges = new Map(chargesOf(attempt).map((charge) => [charge.kind, charge]));
  for (const posting of postings) {
    const charge = charges.get(posting.kind);
    if (charge === undefined) return `was posted as ${posting.kind}, for which it owes nothing`;
    const difference = differenceIn(posting, { ...attempt, ...charge });
    if (difference !== null) return difference;
    charges.delete(posting.kind);
  }
  const [missing] = charges.keys();
  return missing === undefined ? null : `ended ${state} but was not posted as ${missing}`;
}

function differenceIn(
  posting: FoundPosting,
  charged: Pick<ChargedAttempt, "owner" | "ownerUid"> & Pick<FoundPosting, "coreMs" | "memoryMbMs">,
): string | null {
  const { owner, ownerUid, coreMs, memoryMbMs } = charged;
  if (posting.uid !== ownerUid) return `is uid ${ownerUid}'s but was posted to uid ${posting.uid}`;
  if (posting.user !== owner) return `is ${owner}'s but was posted to ${posting.user}`;
  if (posting.coreMs !== coreMs)
    return `used ${coreMs} core-milliseconds but ${posting.coreMs} were posted`;
  if (posting.memoryMbMs !== memoryMbMs)
    return `used ${memoryMbMs} MB-milliseconds but ${posting.memoryMbMs} were posted`;
  const price = priceMicroCredits(charged, posting);
  return posting.amountMicroCredits === price
    ? null
    : `costs ${price} micro-credits but ${posting.amountMicroCredits} were posted`;
}
