// Options of submissions that were refused.

import type { RefusedOption } from "../../../model/records/refused-option.js";
import type { Connection } from "../database.js";
import { dayMs } from "../ledger/ledger.js";
import type { Operations } from "../signatures.js";

/** More names than sbatch has options: a client that invents some fills no disk. */
const maxNamesOfDay = 150;

const dayOf = (atMs: number): number => Math.floor(atMs / dayMs);

export function refusalWrites(database: Connection): Operations<"saveRefusals"> {
  const count = database
    .prepare<[number, number], number>(
      "SELECT count(*) FROM refused_option WHERE day = ? AND uid = ?",
    )
    .pluck();
  const again = database.prepare<[number, number, string]>(
    "UPDATE refused_option SET times = times + 1 WHERE day = ? AND uid = ? AND option = ?",
  );
  const insert = database.prepare<[number, number, string]>(
    "INSERT INTO refused_option (day, uid, option, times) VALUES (?, ?, ?, 1)",
  );
  return {
    saveRefusals(uid, options, atMs) {
      const day = dayOf(atMs);
      for (const option of options) {
        const isKnown = again.run(day, uid, option).changes > 0;
        if (!isKnown && count.get(day, uid)! < maxNamesOfDay) insert.run(day, uid, option);
      }
    },
  };
}

export function refusalReads(database: Connection): Operations<"listRefusals"> {
  const select = database.prepare<{ fromMs: number; toMs: number }, RefusedOption>(
    `SELECT option, sum(times) AS times, count(DISTINCT uid) AS users, max(day) * ${dayMs} AS lastDayMs
     FROM refused_option WHERE day BETWEEN @fromMs / ${dayMs} AND @toMs / ${dayMs}
     GROUP BY option ORDER BY times DESC, option`,
  );
  return { listRefusals: (fromMs, toMs) => select.all({ fromMs, toMs }) };
}
