// What was recorded of a replay: by slurmctld in its log, by gleanerd in its database, each to the millisecond.

import { readFileSync } from "node:fs";
import Database from "better-sqlite3";

/** Cores of one node during [fromMs, toMs). */
export interface NodeCores {
  readonly node: string;
  readonly cores: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** From the moment slurmctld gave the job its nodes until it saw its end; null: not yet. */
export interface JobTimes {
  readonly fromMs: number;
  readonly toMs: number | null;
}

/** By job id, from lines as slurmctld writes them by default, in the zone of this machine. */
export function readJobTimes(slurmctldLog: string): Map<number, JobTimes> {
  const jobs = new Map<number, JobTimes>();
  for (const line of readFileSync(slurmctldLog, "utf8").split("\n")) {
    const match = /^\[([\d:T.-]+)\] .*?(Allocate|Started|_job_complete:) JobId=(\d+)( .*)?$/.exec(
      line,
    );
    if (match === null) continue;
    const atMs = new Date(match[1]!).getTime();
    const id = Number(match[3]);
    const known = jobs.get(id);
    if (match[2] !== "_job_complete:") jobs.set(id, { fromMs: atMs, toMs: null });
    else if (known !== undefined && match[4] === " done") jobs.set(id, { ...known, toMs: atMs });
  }
  return jobs;
}

export interface GleanerRecords {
  /** Cores that ready executors held. */
  readonly held: readonly NodeCores[];
  /** Work that ended well and is in the ledger. */
  readonly useful: readonly NodeCores[];
  readonly ledgerCoreMs: number;
  readonly evictMs: readonly number[];
  /** Within the window: answers to jobs that ended something, and what they ended. */
  readonly evictions: number;
  readonly evictedAttempts: number;
  /** Invocations by their state. */
  readonly byState: Readonly<Record<string, number>>;
}

/** Jobs that began before the window speak to executors in it; the simulator knows them as running from its beginning. */
const settleMs = 1_000;

/** Of a gleanerd that has ended. */
export function readGleaner(
  databaseFile: string,
  window: { fromMs: number; toMs: number },
): GleanerRecords {
  const database = new Database(databaseFile, { readonly: true, fileMustExist: true });
  const rows = <Row>(sql: string): Row[] => database.prepare(sql).all() as Row[];
  try {
    const states = rows<{ state: string; count: number }>(
      "SELECT state, count(*) AS count FROM invocation GROUP BY state",
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
