// What leased workers that have ended used, for one lease and for reports.

import type { LeaseRecord } from "../../../../core/ports/leases.js";
import type { Connection } from "../../database.js";
import type { Operations } from "../../signatures.js";

/** Those that overlap a window; nobody measured what is LOST. */
export const leasedSpans = `
  SELECT node, cores, ended_at_ms - wall_ms AS fromMs, ended_at_ms AS toMs, cpu_ms AS cpuMs, spin_ms AS spinMs
  FROM attempt
  WHERE ended_at_ms > @fromMs AND ended_at_ms - wall_ms < @toMs AND hot_ms IS NOT NULL
    AND state <> 'LOST'
  ORDER BY ended_at_ms, invocation`;

export function leaseReads(database: Connection): Operations<"leaseRecord"> {
  const sum = database.prepare<[number], Omit<LeaseRecord, "reason">>(
    `SELECT total(cores * wall_ms) AS coreMs, total(cpu_ms) AS cpuMs, total(spin_ms) AS spinMs
     FROM attempt WHERE hot_ms IS NOT NULL AND state <> 'LOST'
       AND invocation IN (SELECT id FROM invocation WHERE submission = ?)`,
  );
  const lastReason = database
    .prepare<[number], string>(
      `SELECT reason FROM invocation WHERE submission = ? AND ended_at_ms IS NOT NULL
       ORDER BY ended_at_ms DESC, id LIMIT 1`,
    )
    .pluck();
  return {
    leaseRecord: (lease) => ({ ...sum.get(lease)!, reason: lastReason.get(lease) ?? null }),
  };
}
