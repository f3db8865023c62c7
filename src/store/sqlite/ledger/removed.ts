// The postings that were removed for their age, as sealed ranges of their sequence.
//
// With them each posting is either here or removed, exactly once. Without them somebody could take
// a posting away and put one back that was removed long ago: both have good seals, and the number
// of postings stays the same.

import type { Connection } from "../database.js";
import { type LedgerSeal, sealsAgree } from "./seal.js";

interface Range {
  readonly first: number;
  readonly last: number;
  readonly seal: string;
}

/** Maintains the ranges; neighbours are joined, so that there are few. */
export class RemovedPostings {
  private readonly beside;
  private readonly remove;
  private readonly insert;
  private readonly seal: LedgerSeal;

  constructor(database: Connection, seal: LedgerSeal) {
    this.seal = seal;
    this.beside = database.prepare<{ sequence: number }, Range>(
      `SELECT first, last, seal
       FROM (SELECT * FROM ledger_removed WHERE first <= @sequence ORDER BY first DESC LIMIT 1)
       WHERE last >= @sequence - 1
       UNION ALL SELECT first, last, seal FROM ledger_removed WHERE first = @sequence + 1`,
    );
    this.remove = database.prepare<[number]>("DELETE FROM ledger_removed WHERE first = ?");
    this.insert = database.prepare<Range>(
      "INSERT INTO ledger_removed (first, last, seal) VALUES (@first, @last, @seal)",
    );
  }

  /** Whether the ranges that this posting would join are as they were written, and without it. */
  mayAdd(sequence: number): boolean {
    const contains = ({ first, last }: Range) => first <= sequence && sequence <= last;
    const ranges = this.beside.all({ sequence });
    return ranges.every((range) => isSound(range, this.seal) && !contains(range));
  }

  add(sequence: number): void {
    const neighbours = this.beside.all({ sequence });
    for (const { first } of neighbours) this.remove.run(first);
    const first = Math.min(sequence, ...neighbours.map((range) => range.first));
    const last = Math.max(sequence, ...neighbours.map((range) => range.last));
    this.insert.run({ first, last, seal: this.seal.removed(first, last) });
  }
}

/**
 * Follows the sequence of the postings that are here: `found` takes each in order, and `close` the
 * number of postings ever made. Both yield a sentence for each that is missing or too many.
 */
export class SequenceCheck {
  private next = 1;
  private readonly ranges: Range[];

  constructor(
    database: Connection,
    private readonly seal: LedgerSeal,
  ) {
    this.ranges = database
      .prepare<[], Range>("SELECT first, last, seal FROM ledger_removed ORDER BY first")
      .all();
  }

  *found(sequence: number): Iterable<string> {
    yield* this.skipRemoved(sequence);
    if (sequence > this.next) yield missing(this.next, sequence - 1);
    if (sequence < this.next)
      yield `posting ${sequence} of the ledger is there although it was removed, or twice`;
    this.next = Math.max(this.next, sequence + 1);
  }

  *close(made: number): Iterable<string> {
    yield* this.skipRemoved(Number.POSITIVE_INFINITY);
    if (made >= this.next) yield missing(this.next, made);
  }

  private *skipRemoved(before: number): Iterable<string> {
    for (
      let range = this.ranges[0];
      range !== undefined && range.first <= before;
      range = this.ranges[0]
    ) {
      this.ranges.shift();
      const { first, last } = range;
      if (!isSound(range, this.seal))
        yield `the record of the removed postings ${first} to ${last} is not as gleanerd wrote it`;
      if (first > this.next) yield missing(this.next, first - 1);
      this.next = Math.max(this.next, last + 1);
    }
  }
}

const isSound = ({ first, last, seal: found }: Range, seal: LedgerSeal): boolean =>
  sealsAgree(found, seal.removed(first, last));

const missing = (first: number, last: number): string =>
  first === last
    ? `posting ${first} of the ledger is missing`
    : `postings ${first} to ${last} of the ledger are missing`;
