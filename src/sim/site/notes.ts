// What a reader of a trace has to tell about its input: records that it skipped and where the first
// of each kind is, and remarks.

import { skippedReasons } from "../../model/records/skipped.js";

/** Why records were omitted and how many, by reason; and what else the reader should know. */
export interface InputNotes {
  readonly skipped: Readonly<Record<string, number>>;
  /** The place of the first record of each reason: `line 7, column Start`; if omitted, unknown. */
  readonly firstSkipped?: Readonly<Record<string, string>>;
  readonly remarks: readonly string[];
}

/** A reason to omit a record, and the column that it concerns. */
export class Unusable {
  constructor(
    readonly reason: string,
    readonly column: string | null = null,
  ) {}
}

/** Counts omitted records by reason. */
export class Skipped {
  private readonly counts = new Map<string, number>();
  private readonly firsts = new Map<string, string>();

  /** `line` counts from 1. */
  add(reason: string, line: number | null = null, column: string | null = null): void {
    this.counts.set(reason, (this.counts.get(reason) ?? 0) + 1);
    if (line === null || this.firsts.has(reason)) return;
    this.firsts.set(reason, column === null ? `line ${line}` : `line ${line}, column ${column}`);
  }

  addAll(others: Skipped): void {
    for (const [reason, count] of others.counts)
      this.counts.set(reason, (this.counts.get(reason) ?? 0) + count);
    for (const [reason, place] of others.firsts)
      if (!this.firsts.has(reason)) this.firsts.set(reason, place);
  }

  all(): Record<string, number> {
    return Object.fromEntries(this.counts);
  }

  first(): Record<string, string> {
    return Object.fromEntries(this.firsts);
  }

  /** The end of an error's sentence: what was skipped, or that there was nothing to skip. */
  whenNothingIsLeft(): string {
    const reasons = skippedReasons(this.all(), this.first());
    return reasons.length === 0 ? "it has no records" : `skipped ${reasons.join("; ")}`;
  }
}

export const skippedRecords = (notes: InputNotes): number =>
  Object.values(notes.skipped).reduce((sum, count) => sum + count, 0);
