// What gleanerd's database recorded of a replay, with millisecond precision.

import Database from "better-sqlite3";
import { recordedTasks } from "../lib/recorded-tasks.js";

/** Cores of one node during [fromMs, toMs). */
export interface NodeCores {
  readonly node: string;
  readonly cores: number;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface GleanerRecords {
  /** Cores that ready executors held. */
  readonly held: readonly NodeCores[];
  /** Work that completed and is in the ledger. */
  readonly useful: readonly NodeCores[];
  readonly ledgerCoreMs: number;
  readonly evictMs: readonly number[];
  /** Within the window: answers to jobs that evicted something, and what they evicted. */
  readonly evictions: number;
  readonly evictedAttempts: number;
  /** Invocations by their state. */
  readonly byState: Readonly<Record<string, number>>;
}

/**
 * Jobs that began before the window reach executors in it; the simulator knows them as running from
 * its beginning.
 */
const settleMs = 1_000;

/** The records of a gleanerd that has ended. */
export function readGleaner(
  databaseFile: string,
  window: { fromMs: number; toMs: number },
): GleanerRecords {
  const database = new Database(databaseFile, { readonly: true, fileMustExist: true });
  const rows = <Row>(sql: string): Row[] => database.prepare(sql).all() as Row[];
  try {
    const states = rows<{ state: string; count: number }>(
      `SELECT state, sum(tasks) AS count FROM ${recordedTasks} GROUP BY state`,
    );
    const ledger = rows<{ sum: number | null }>("SELECT sum(core_ms) AS sum FROM posting");
    const evictions = rows<{ took: number; attempts: number; atMs: number }>(
      "SELECT took_ms AS took, attempts, at_ms AS atMs FROM eviction",
    );
    const counted = evictions.filter(
      ({ atMs, attempts }) => attempts > 0 && atMs > window.fromMs + settleMs && atMs < window.toMs,
    );
    return {
      held: rows<NodeCores>(
        "SELECT node, cores, from_ms AS fromMs, to_ms AS toMs FROM holding ORDER BY from_ms",
      ),
      useful: rows<NodeCores>(
        `SELECT node, cores, started_at_ms AS fromMs, ended_at_ms AS toMs
         FROM attempt JOIN posting ON posting.invocation = attempt.invocation AND posting.attempt = attempt.number
         WHERE state = 'COMPLETED'`,
      ),
      ledgerCoreMs: ledger[0]?.sum ?? 0,
      evictMs: evictions.map(({ took }) => took),
      evictions: counted.length,
      evictedAttempts: counted.reduce((sum, { attempts }) => sum + attempts, 0),
      byState: Object.fromEntries(states.map(({ state, count }) => [state, count])),
    };
  } finally {
    database.close();
  }
}
