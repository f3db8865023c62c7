// The utilization report's input: Slurm's jobs, hook events, executors' holdings, nodes' spans,
// evictions.

import { GleanerError } from "../../../model/errors.js";
import type { NodeName } from "../../../model/ids.js";
import type {
  Eviction,
  Holding,
  HookEvent,
  JobRecord,
  NodeSpan,
  UsefulSpan,
  UtilizationInput,
} from "../../../model/records/utilization.js";
import type { Connection } from "../database.js";
import type { Operations } from "../signatures.js";
import { leasedSpans } from "./calls/leases.js";
import { idleReads, type Reader, type Scanner } from "./idle.js";

/**
 * The most rows of each kind in one report: about 200 MB of the daemon's memory, and years of a
 * small cluster.
 */
const maxRows = 1_000_000;

export function utilizationWrites(
  database: Connection,
): Operations<
  | "saveJobRecords"
  | "closeVanishedJobs"
  | "saveHookEvent"
  | "saveEviction"
  | "saveHolding"
  | "saveNodeSpans"
> {
  return { ...jobWrites(database), ...sightingWrites(database) };
}

function jobWrites(database: Connection): Operations<"saveJobRecords" | "closeVanishedJobs"> {
  // An older read never removes an end; one without news writes nothing.
  const saveJob = database.prepare(
    `INSERT INTO job_record (id, started_at_ms, ended_at_ms, submitted_at_ms, display_id, name, owner_user,
       partition, state, cores, nodes)
     VALUES (@id, @startedAtMs, @endedAtMs, @submittedAtMs, @displayId, @name, @user,
       @partition, @state, @cores, @nodes)
     ON CONFLICT (id, started_at_ms) DO UPDATE SET ended_at_ms = excluded.ended_at_ms, name = excluded.name,
       display_id = excluded.display_id, state = excluded.state, cores = excluded.cores, nodes = excluded.nodes
     WHERE (excluded.ended_at_ms IS NOT NULL OR job_record.ended_at_ms IS NULL)
       AND (job_record.ended_at_ms, job_record.name, job_record.display_id, job_record.state,
            job_record.cores, job_record.nodes)
         IS NOT (excluded.ended_at_ms, excluded.name, excluded.display_id, excluded.state,
            excluded.cores, excluded.nodes)`,
  );
  const endEarlierRun = database.prepare<{ id: number; startedAtMs: number }>(
    `UPDATE job_record SET ended_at_ms = @startedAtMs
     WHERE id = @id AND started_at_ms < @startedAtMs AND ended_at_ms IS NULL`,
  );
  const endVanished = database.prepare<{ stillKnown: string; endedAtMs: number }>(
    `UPDATE job_record SET ended_at_ms = max(started_at_ms, @endedAtMs)
     WHERE ended_at_ms IS NULL AND id NOT IN (SELECT value FROM json_each(@stillKnown))`,
  );
  return {
    saveJobRecords(records) {
      for (const record of records) {
        const { id, startedAtMs } = record;
        endEarlierRun.run({ id, startedAtMs });
        saveJob.run({ ...record, nodes: JSON.stringify(record.nodes) });
      }
    },
    closeVanishedJobs(stillKnown, endedAtMs) {
      endVanished.run({ stillKnown: JSON.stringify(stillKnown), endedAtMs });
    },
  };
}

function sightingWrites(
  database: Connection,
): Operations<"saveHookEvent" | "saveEviction" | "saveHolding" | "saveNodeSpans"> {
  const saveHook = database.prepare<HookEvent>(
    `INSERT INTO hook_event (node, job_id, kind, at_ms, cores) VALUES (@node, @jobId, @kind, @atMs, @cores)
     ON CONFLICT (node, job_id, kind, at_ms) DO NOTHING`,
  );
  const saveEviction = database.prepare<Eviction>(
    `INSERT INTO eviction (node, job_id, at_ms, took_ms, attempts, lost_core_ms, left_processes)
     VALUES (@node, @jobId, @atMs, @tookMs, @attempts, @lostCoreMs, @left)
     ON CONFLICT (node, job_id, at_ms) DO NOTHING`,
  );
  const saveHolding = database.prepare<Holding>(
    `INSERT INTO holding (executor, from_ms, to_ms, node, cores) VALUES (@executor, @fromMs, @toMs, @node, @cores)
     ON CONFLICT (executor, from_ms) DO UPDATE SET to_ms = max(to_ms, excluded.to_ms)`,
  );
  const saveSpan = database.prepare<NodeSpan>(
    `INSERT INTO node_span (node, from_ms, to_ms, cores) VALUES (@node, @fromMs, @toMs, @cores)
     ON CONFLICT (node, from_ms) DO UPDATE SET to_ms = max(to_ms, excluded.to_ms)`,
  );
  return {
    saveHookEvent(event) {
      saveHook.run(event);
    },
    saveEviction(eviction) {
      saveEviction.run(eviction);
    },
    saveHolding(holding) {
      saveHolding.run(holding);
    },
    saveNodeSpans(spans) {
      for (const span of spans) saveSpan.run(span);
    },
  };
}

const jobs = `
  SELECT id, display_id AS displayId, name, owner_user AS user, partition, state, nodes, cores,
    submitted_at_ms AS submittedAtMs, started_at_ms AS startedAtMs, ended_at_ms AS endedAtMs
  FROM job_record WHERE started_at_ms < @toMs AND (ended_at_ms IS NULL OR ended_at_ms > @fromMs)
  ORDER BY started_at_ms, id`;

// A begin before the window counts unless its end is before it too.
const hookEvents = `
  SELECT node, job_id AS jobId, kind, at_ms AS atMs, cores
  FROM hook_event AS e
  WHERE at_ms < @toMs AND (at_ms >= @fromMs OR kind = 'begin' AND NOT EXISTS (
    SELECT 1 FROM hook_event AS x
    WHERE x.node = e.node AND x.job_id = e.job_id AND x.kind = 'end' AND x.at_ms >= e.at_ms
      AND x.at_ms < @fromMs))
  ORDER BY at_ms, node, job_id, kind`;

const evictions = `
  SELECT node, job_id AS jobId, at_ms AS atMs, took_ms AS tookMs, attempts, lost_core_ms AS lostCoreMs,
    left_processes AS "left"
  FROM eviction WHERE at_ms >= @fromMs AND at_ms < @toMs ORDER BY at_ms, node, job_id`;

const holdings = `
  SELECT executor, node, cores, from_ms AS fromMs, to_ms AS toMs
  FROM holding WHERE from_ms < @toMs AND to_ms > @fromMs ORDER BY from_ms, executor`;

const nodeSpans = `
  SELECT node, cores, from_ms AS fromMs, to_ms AS toMs
  FROM node_span WHERE from_ms < @toMs AND to_ms > @fromMs ORDER BY from_ms, node`;

// Whatever was posted was finished and billed; its duration is from the node's own clock.
const useful = `
  SELECT a.invocation, a.node, a.cores, a.ended_at_ms - a.wall_ms AS fromMs, a.ended_at_ms AS toMs,
    CASE WHEN a.share_ms IS NOT NULL THEN a.executor || '/' || coalesce(a.shares_with, a.invocation) END AS worker
  FROM attempt AS a JOIN posting AS p ON p.invocation = a.invocation AND p.attempt = a.number
    AND p.kind = 'execution'
  WHERE a.ended_at_ms > @fromMs AND a.ended_at_ms - a.wall_ms < @toMs
  ORDER BY a.ended_at_ms, a.invocation`;

export function utilizationReads(database: Connection): Operations<"loadUtilization"> {
  const limited = <Row>(sql: string) =>
    database.prepare<{ fromMs: number; toMs: number }, Row>(`${sql} LIMIT ${maxRows + 1}`);
  const reader: Reader = <Row>(sql: string, what: string) => {
    const statement = limited<Row>(sql);
    return (window) => {
      const rows = statement.all(window);
      if (rows.length > maxRows) throw tooMany(what);
      return rows;
    };
  };
  const scanner: Scanner = <Row>(sql: string, what: string) => {
    const statement = limited<Row>(sql);
    return function* (window) {
      let rows = 0;
      for (const row of statement.iterate(window)) {
        if (++rows > maxRows) throw tooMany(what);
        yield row;
      }
    };
  };
  const readJobs = reader<Omit<JobRecord, "nodes"> & { nodes: string }>(jobs, "jobs");
  const readHookEvents = reader<HookEvent>(hookEvents, "hook events");
  const readEvictions = reader<Eviction>(evictions, "evictions");
  const readHoldings = reader<Holding>(holdings, "holdings of executors");
  const readNodeSpans = reader<NodeSpan>(nodeSpans, "spans of nodes");
  const readUseful = reader<UsefulSpan>(useful, "finished attempts");
  const readLeased = reader<UtilizationInput["leased"][number]>(leasedSpans, "leased workers");
  const readIdle = idleReads(reader, scanner);
  return {
    loadUtilization(fromMs, toMs) {
      const window = { fromMs, toMs };
      return {
        ...window,
        nodeSpans: readNodeSpans(window),
        jobs: readJobs(window).map((row) => ({
          ...row,
          nodes: JSON.parse(row.nodes) as NodeName[],
        })),
        hookEvents: readHookEvents(window),
        holdings: readHoldings(window),
        useful: readUseful(window),
        ...readIdle(window),
        evictions: readEvictions(window),
        leased: readLeased(window),
      };
    },
  };
}

const tooMany = (what: string) =>
  new GleanerError(
    "LIMIT_REACHED",
    `the report would read more than ${maxRows} ${what}: ask for a shorter period`,
  );
