// The idle report's input besides the utilization report's: conditions of nodes, work without an
// end of its own, times of waiting.

import type { NodeName } from "../../../model/ids.js";
import type {
  ConditionChange,
  ConditionSpan,
  UnfinishedSpan,
  WaitSpan,
} from "../../../model/records/idle.js";
import type { Connection } from "../database.js";
import type { Operations } from "../signatures.js";

/** Rows of a query within a window, of limited number; see utilization.ts. */
export type Reader = <Row>(
  sql: string,
  what: string,
) => (window: { fromMs: number; toMs: number }) => Row[];

/** The same, one at a time: most queries have few rows, and this one takes longer for each. */
export type Scanner = <Row>(
  sql: string,
  what: string,
) => (window: { fromMs: number; toMs: number }) => Iterable<Row>;

export function idleWrites(database: Connection): Operations<"saveConditions"> {
  const save = database.prepare<ConditionChange>(
    `INSERT INTO node_condition (node, from_ms, condition) VALUES (@node, @fromMs, @condition)
     ON CONFLICT (node, from_ms) DO UPDATE SET condition = excluded.condition`,
  );
  return {
    saveConditions(changes) {
      for (const change of changes) save.run(change);
    },
  };
}

// For each node, the changes within the window, and the last one before it.
const changes = `
  SELECT node, from_ms AS fromMs, condition FROM node_condition WHERE from_ms > @fromMs AND from_ms < @toMs
  UNION ALL
  SELECT c.node, c.from_ms, c.condition
  FROM (SELECT DISTINCT node FROM node_span WHERE from_ms < @toMs AND to_ms > @fromMs) AS n
  JOIN node_condition AS c ON c.node = n.node AND c.from_ms =
    (SELECT max(from_ms) FROM node_condition WHERE node = n.node AND from_ms <= @fromMs)
  ORDER BY node, fromMs`;

// An executor that vanished reported no times: its work began with the order. A leased worker that
// was evicted is billed, and what it did until then is done.
const unfinished = `
  SELECT node, cores, coalesce(ended_at_ms, @toMs) AS toMs,
    CASE WHEN state <> 'EVICTED' OR share_ms IS NOT NULL OR shares_with IS NOT NULL
      THEN executor || '/' || coalesce(shares_with, invocation) END AS worker,
    CASE state WHEN 'EVICTED' THEN ended_at_ms - wall_ms ELSE started_at_ms END AS fromMs,
    CASE state WHEN 'EVICTED' THEN 'evicted' WHEN 'LOST' THEN 'lost' ELSE 'running' END AS "end"
  FROM attempt
  WHERE (ended_at_ms > @fromMs OR ended_at_ms IS NULL) AND started_at_ms < @toMs
    AND state IN ('EVICTED', 'LOST', 'RUNNING') AND (state <> 'EVICTED' OR hot_ms IS NULL)
  ORDER BY invocation, number`;

// Up to the first attempt, between attempts, and after the last one if the invocation still waits
// or was cancelled while waiting.
const waits = `
  WITH live AS (
    SELECT i.id, i.attempt, i.ended_at_ms, s.submitted_at_ms
    FROM invocation AS i JOIN submission AS s ON s.id = i.submission
    WHERE (i.ended_at_ms IS NULL OR i.ended_at_ms > @fromMs) AND s.submitted_at_ms < @toMs
  ), wait AS (
    SELECT coalesce(before.ended_at_ms, l.submitted_at_ms) AS fromMs,
      CASE WHEN a.state IN ('RUNNING', 'LOST') THEN a.started_at_ms
        ELSE max(a.started_at_ms, a.ended_at_ms - a.wall_ms) END AS toMs
    FROM live AS l
    JOIN attempt AS a ON a.invocation = l.id
    LEFT JOIN attempt AS before ON before.invocation = a.invocation AND before.number = a.number - 1
    UNION ALL
    SELECT coalesce(last.ended_at_ms, l.submitted_at_ms), coalesce(l.ended_at_ms, @toMs)
    FROM live AS l LEFT JOIN attempt AS last ON last.invocation = l.id AND last.number = l.attempt
    WHERE last.number IS NULL OR last.ended_at_ms IS NOT NULL
    UNION ALL
    SELECT s.submitted_at_ms, coalesce(r.ended_at_ms, @toMs)
    FROM task_run AS r JOIN submission AS s ON s.id = r.submission
    WHERE (r.ended_at_ms IS NULL OR r.ended_at_ms > @fromMs) AND s.submitted_at_ms < @toMs
  )
  SELECT max(fromMs, @fromMs) AS fromMs, min(toMs, @toMs) AS toMs FROM wait
  WHERE fromMs < @toMs AND toMs > @fromMs AND fromMs < toMs
  ORDER BY 1`;

export function idleReads(reader: Reader, scanner: Scanner) {
  const readChanges = reader<{ node: NodeName; fromMs: number; condition: string | null }>(
    changes,
    "changes of nodes' conditions",
  );
  const readUnfinished = reader<UnfinishedSpan>(unfinished, "attempts without a result");
  const scanWaits = scanner<WaitSpan>(waits, "times of waiting");
  return (window: { fromMs: number; toMs: number }) => ({
    conditions: spansOf(readChanges(window), window.toMs),
    unfinished: readUnfinished(window),
    waits: united(scanWaits(window)),
  });
}

/** Changes ordered by node and time: each lasts until the next one of its node. */
function spansOf(
  rows: readonly { node: NodeName; fromMs: number; condition: string | null }[],
  toMs: number,
): ConditionSpan[] {
  return rows.flatMap(({ node, fromMs, condition }, index) => {
    const next = rows[index + 1];
    const endMs = next?.node === node ? next.fromMs : toMs;
    return condition === null ? [] : [{ node, condition, fromMs, toMs: endMs }];
  });
}

/**
 * Spans in the order of their begins become the periods that they cover. There are as many as
 * invocations, and few periods: the others never leave the database's thread.
 */
function united(spans: Iterable<WaitSpan>): WaitSpan[] {
  const periods: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of spans) {
    const last = periods.at(-1);
    if (last === undefined || fromMs > last.toMs) periods.push({ fromMs, toMs });
    else last.toMs = Math.max(last.toMs, toMs);
  }
  return periods;
}
