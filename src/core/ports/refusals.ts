// The part of the store that counts which options of submissions were refused.

import type { RefusedOption } from "../../model/records/refused-option.js";

export interface RefusalStore {
  /** Counts one submission for each of the options. A user's names are bounded for each day. */
  saveRefusals(uid: number, options: readonly string[], atMs: number): Promise<void>;
  /** On the days (UTC) of the period; the most frequent first. */
  listRefusals(fromMs: number, toMs: number): Promise<readonly RefusedOption[]>;
}
