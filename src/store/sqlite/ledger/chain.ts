// The chain of postings: each is sealed together with the previous one, and the head contains their
// number.
//
// Somebody who can write to the database but does not have the key can neither forge nor remove a
// posting or a day's sum unnoticed. A broken chain stays broken: nothing that follows a forged head
// or joins a forged sum gets a valid seal.

import type { LedgerHead, Posting, PostingKind } from "../../../model/records/account.js";
import type { Connection } from "../database.js";
import type { GroupWrite } from "../group.js";
import { SequenceCheck } from "./removed.js";
import { type LedgerSeal, type SealedHead, type SealedPosting, sealsAgree } from "./seal.js";

/** The columns that a posting's seal covers, as SealedPosting names them, and the seal. */
const sealedColumns = `sequence, previous_seal AS previous, invocation, attempt, kind, owner_uid AS uid, owner_user AS user,
  core_ms AS coreMs, memory_mb_ms AS memoryMbMs, amount_micro_credits AS amountMicroCredits,
  micro_credits_per_core_second AS microCreditsPerCoreSecond,
  micro_credits_per_gb_second AS microCreditsPerGbSecond, posted_at_ms AS postedAtMs, seal`;
/** Everything that a day's seal covers, beside the kind. */
const dayColumns =
  "day, owner_uid, owner_user, postings, core_ms, memory_mb_ms, amount_micro_credits, attempts, recomputed_micro_credits";

type PostingRow = SealedPosting & { readonly seal: string };
type HeadRow = SealedHead & { readonly mac: string };

/**
 * Creates the head of a new database. An old database that lost its head gets one that is known to
 * be broken.
 */
export function prepareChain(database: Connection, seal: LedgerSeal): void {
  const isEmpty =
    database.prepare("SELECT 1 FROM posting UNION SELECT 1 FROM ledger_day").get() === undefined;
  const mac = isEmpty ? seal.head({ sequence: 0, seal: "" }) : "";
  database
    .prepare(
      `INSERT INTO ledger_head (id, sequence, seal, mac)
       SELECT 1, coalesce(max(sequence), 0), '', ? FROM posting WHERE TRUE ON CONFLICT DO NOTHING`,
    )
    .run(mac);
}

/** The head as it is in memory; it was sound if all before it was. */
interface Head extends SealedHead {
  readonly isSound: boolean;
  readonly isSaved: boolean;
}

/**
 * Writes postings; the primary key rejects a second one of a kind for the same attempt. The head is
 * read, checked and saved once for all of a group.
 */
export class ChainWriter implements GroupWrite {
  /** null: as it is in the database. */
  private head: Head | null = null;
  private marked: Head | null = null;
  private readonly read: () => Head;
  private readonly insert: (posting: PostingRow) => void;
  private readonly save: (head: HeadRow) => void;

  constructor(
    database: Connection,
    private readonly seal: LedgerSeal,
  ) {
    this.read = headFinder(database, seal);
    const saveHead = database.prepare<HeadRow>(
      `INSERT INTO ledger_head (id, sequence, seal, mac) VALUES (1, @sequence, @seal, @mac)
       ON CONFLICT (id) DO UPDATE SET sequence = @sequence, seal = @seal, mac = @mac`,
    );
    const insert = database.prepare<PostingRow>(
      `INSERT INTO posting (sequence, previous_seal, invocation, attempt, kind, owner_uid, owner_user, core_ms, memory_mb_ms,
         amount_micro_credits, micro_credits_per_core_second, micro_credits_per_gb_second, posted_at_ms, seal)
       VALUES (@sequence, @previous, @invocation, @attempt, @kind, @uid, @user, @coreMs, @memoryMbMs,
         @amountMicroCredits, @microCreditsPerCoreSecond, @microCreditsPerGbSecond, @postedAtMs, @seal)`,
    );
    this.save = (head) => void saveHead.run(head);
    this.insert = (posting) => void insert.run(posting);
  }

  add({ rate, ...posting }: Posting): void {
    this.head ??= this.read();
    const { sequence: last, seal: previous, isSound } = this.head;
    const unsealed = { ...posting, ...rate, sequence: last + 1, previous };
    const sealed = this.seal.posting(unsealed);
    this.insert({ ...unsealed, seal: sealed });
    this.head = { sequence: last + 1, seal: sealed, isSound, isSaved: false };
  }

  begin(): void {
    this.head = null;
  }

  mark(): void {
    this.marked = this.head;
  }

  undo(): void {
    this.head = this.marked;
  }

  flush(): void {
    const { head } = this;
    // Others may change the ledger now.
    this.head = null;
    if (head === null || head.isSaved) return;
    const { sequence, seal, isSound } = head;
    this.save({ sequence, seal, mac: isSound ? this.seal.head({ sequence, seal }) : "" });
  }
}

/** Work continues under a forged head, but gets no valid seal. */
function headFinder(database: Connection, seal: LedgerSeal): () => Head {
  const selectHead = database.prepare<[], HeadRow>("SELECT sequence, seal, mac FROM ledger_head");
  const selectLast = database
    .prepare<[], number>("SELECT coalesce(max(sequence), 0) FROM posting")
    .pluck();
  return () => {
    const head = selectHead.get() ?? { sequence: 0, seal: "", mac: "" };
    const last = selectLast.get()!;
    const isSound = last <= head.sequence && sealsAgree(head.mac, seal.head(head));
    const sequence = Math.max(last, head.sequence);
    return { sequence, seal: head.seal, isSound, isSaved: true };
  };
}

/** Checks whether an invocation's postings are as they were written. */
export function postingChecker(
  database: Connection,
  seal: LedgerSeal,
): (invocation: number) => boolean {
  const select = database.prepare<[number], PostingRow>(
    `SELECT ${sealedColumns} FROM posting WHERE invocation = ?`,
  );
  return (invocation) =>
    select.all(invocation).every((row) => sealsAgree(row.seal, seal.posting(row)));
}

/** Maintains the seals of the days' sums, to which removed postings are added. */
export class DaySeals {
  private readonly select;
  private readonly update;
  private readonly seal: LedgerSeal;

  constructor(database: Connection, seal: LedgerSeal) {
    this.seal = seal;
    this.select = database
      .prepare<[number, number, PostingKind], (number | string | bigint)[]>(
        `SELECT ${dayColumns}, kind, seal FROM ledger_day WHERE day = ? AND owner_uid = ? AND kind = ?`,
      )
      .raw()
      .safeIntegers();
    this.update = database.prepare<[string, number, number, PostingKind]>(
      "UPDATE ledger_day SET seal = ? WHERE day = ? AND owner_uid = ? AND kind = ?",
    );
  }

  /** A sum that does not exist yet is valid. */
  isSound(day: number, uid: number, kind: PostingKind): boolean {
    const row = this.select.get(day, uid, kind);
    return row === undefined || isSoundDay(row, this.seal);
  }

  /** Called after a valid sum was added to. */
  renew(day: number, uid: number, kind: PostingKind): void {
    const row = this.select.get(day, uid, kind)!;
    this.update.run(this.seal.day(row.slice(0, -2), kind), day, uid, kind);
  }
}

/** The row ends with its kind and its seal. */
const isSoundDay = (row: readonly (number | string | bigint)[], seal: LedgerSeal): boolean =>
  sealsAgree(String(row.at(-1)), seal.day(row.slice(0, -2), row.at(-2) as PostingKind));

/** Returns a function that reads the head of the chain; that of an empty one if it is missing. */
export function headReader(database: Connection): () => LedgerHead {
  const select = database.prepare<[], LedgerHead>("SELECT sequence, seal FROM ledger_head");
  return () => select.get() ?? { sequence: 0, seal: "" };
}

/**
 * Returns a function that checks whether the chain continues a head that it once had: null, or one
 * sentence that says why not. The seal of a posting that was removed since is not compared.
 */
export function continuationChecker(database: Connection): (known: LedgerHead) => string | null {
  const headOf = headReader(database);
  const sealOf = database
    .prepare<[number], string>("SELECT seal FROM posting WHERE sequence = ?")
    .pluck();
  return ({ sequence, seal }) => {
    const made = headOf().sequence;
    if (made < sequence)
      return `the given head is posting ${sequence} and the ledger has only ${made}: an older database was restored`;
    const found = sealOf.get(sequence);
    return found === undefined || sealsAgree(found, seal)
      ? null
      : `posting ${sequence} differs from the one that the given head names: an older database was restored and has been written to since`;
  };
}

/**
 * Returns a function that checks the chain: one sentence for each thing that is not as gleanerd
 * wrote it.
 */
export function chainChecker(database: Connection, seal: LedgerSeal): () => Iterable<string> {
  const selectHead = database.prepare<[], HeadRow>("SELECT sequence, seal, mac FROM ledger_head");
  const selectPostings = database.prepare<[], PostingRow>(
    `SELECT ${sealedColumns} FROM posting ORDER BY sequence`,
  );
  const selectDays = database
    .prepare<[], (number | string | bigint)[]>(`SELECT ${dayColumns}, kind, seal FROM ledger_day`)
    .raw()
    .safeIntegers();
  return function* () {
    const head = selectHead.get();
    if (head === undefined || !sealsAgree(head.mac, seal.head(head)))
      yield "the head of the ledger is not as gleanerd wrote it, or the key in stateDirectory was replaced";
    let known = 0n;
    let last: PostingRow | null = null;
    const check = new SequenceCheck(database, seal);
    for (const row of selectPostings.iterate()) {
      yield* check.found(row.sequence);
      if (!sealsAgree(row.seal, seal.posting(row)))
        yield `the posting of attempt ${row.attempt} of invocation ${row.invocation} is not as gleanerd wrote it`;
      if (last !== null && last.sequence + 1 === row.sequence && last.seal !== row.previous)
        yield `posting ${row.sequence} of the ledger does not follow posting ${last.sequence}`;
      last = row;
      known++;
    }
    if (head !== undefined) yield* check.close(head.sequence);
    for (const row of selectDays.iterate()) {
      if (!isSoundDay(row, seal))
        yield `the sums of ${row[2]} for day ${row[0]} are not as gleanerd wrote them`;
      known += BigInt(row[3]!);
    }
    if (head !== undefined && known !== BigInt(head.sequence))
      yield `${head.sequence} postings were made, but ${known} are in the ledger or in a day's sum`;
    if (head !== undefined && last?.sequence === head.sequence && last.seal !== head.seal)
      yield "the last posting of the ledger is not the one that its head names";
  };
}
