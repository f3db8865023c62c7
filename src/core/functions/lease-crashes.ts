// Counts crashes of leased workers: one is replaced, three in a row end their lease.

import { remember } from "../../model/remember.js";
import type { CalledBy } from "./load-failures.js";

const mostCrashes = 3;
/** After this time a worker's crash is the first of a new row. */
const soundMs = 60_000;
/** The most functions remembered, in memory: some hundred bytes each. */
const maxRemembered = 10_000;

export interface LeaseCrash extends CalledBy {
  /** How long the worker lived. */
  readonly wallMs: number;
  /** In the words of the worker or of its executor. */
  readonly message: string;
}

export class LeaseCrashes {
  /** Since a leased worker of the function ended otherwise. */
  private readonly rows = new Map<string, number>();

  /** Why the lease must end with this crash; null if another worker may take its place. */
  whyOver(crash: LeaseCrash): string | null {
    const row = this.rowWith(crash);
    return row < mostCrashes ? null : `${row} of its workers crashed in a row: ${crash.message}`;
  }

  /** It is on record. */
  crashed(crash: LeaseCrash): void {
    const key = keyOf(crash);
    const row = this.rowWith(crash);
    // After the last one the next lease has as many tries.
    if (row < mostCrashes) remember(this.rows, key, row, maxRemembered);
    else this.rows.delete(key);
  }

  /** A leased worker was ended, and had not crashed. */
  served(called: CalledBy): void {
    this.rows.delete(keyOf(called));
  }

  private rowWith(crash: LeaseCrash): number {
    return crash.wallMs >= soundMs ? 1 : (this.rows.get(keyOf(crash)) ?? 0) + 1;
  }
}

const keyOf = ({ uid, version }: CalledBy): string => `${uid}/${version}`;
