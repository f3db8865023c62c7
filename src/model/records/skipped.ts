// Says which records of an input were skipped, how many, why, and where the first one is.

import { counted } from "../counted.js";

/** `3 records: missing end (first in line 7)`, the most frequent reason first. */
export function skippedReasons(
  skipped: Readonly<Record<string, number>>,
  firstSkipped: Readonly<Record<string, string>>,
): string[] {
  const byCount = Object.entries(skipped).sort(([, a], [, b]) => b - a);
  return byCount.map(([reason, times]) => {
    const place = firstSkipped[reason];
    const where = place === undefined ? "" : times === 1 ? ` (${place})` : ` (first in ${place})`;
    return `${counted(times, "record")}: ${reason}${where}`;
  });
}
