// Rows of invocations with the listed columns of their submissions, and their conversion.

import type { InvocationId, NodeName } from "../../../../model/ids.js";
import type { Invocation, InvocationState } from "../../../../model/invocation.js";

export interface InvocationRow {
  readonly id: InvocationId;
  readonly submission: InvocationId;
  readonly array_task_id: number | null;
  readonly owner_uid: number;
  readonly owner_gid: number;
  readonly owner_user: string;
  readonly name: string;
  readonly cores: number;
  readonly memory_mb: number;
  readonly gpus: number;
  readonly time_limit_ms: number;
  readonly state: InvocationState;
  readonly submitted_at_ms: number;
  readonly started_at_ms: number | null;
  readonly ended_at_ms: number | null;
  readonly attempt: number;
  readonly exit_code: number | null;
  readonly signal: number | null;
  readonly reason: string | null;
  readonly node: NodeName | null;
  readonly wall_ms: number | null;
  readonly cpu_ms: number | null;
  readonly max_rss_mb: number | null;
  readonly hot_ms: number | null;
  readonly share_ms: number | null;
}

export const columns = `i.id, i.submission, i.array_task_id, s.owner_uid, s.owner_gid, s.owner_user, s.name, s.cores,
  s.memory_mb, s.gpus, s.time_limit_ms, i.state, s.submitted_at_ms, i.started_at_ms, i.ended_at_ms, i.attempt,
  i.exit_code, i.signal, i.reason, i.node,
  a.wall_ms, a.cpu_ms, a.max_rss_mb, a.hot_ms, a.share_ms`;
export const tables = `invocation AS i JOIN submission AS s ON s.id = i.submission
  LEFT JOIN attempt AS a ON a.invocation = i.id AND a.number = i.attempt`;

export function invocationOf(row: InvocationRow): Invocation {
  return {
    id: row.id,
    arrayJobId: row.array_task_id === null ? null : row.submission,
    arrayTaskId: row.array_task_id,
    owner: { uid: row.owner_uid, gid: row.owner_gid, user: row.owner_user },
    name: row.name,
    cores: row.cores,
    memoryMb: row.memory_mb,
    gpus: row.gpus,
    timeLimitMs: row.time_limit_ms,
    state: row.state,
    submittedAtMs: row.submitted_at_ms,
    startedAtMs: row.started_at_ms,
    endedAtMs: row.ended_at_ms,
    attempt: row.attempt,
    exitCode: row.exit_code,
    signal: row.signal,
    reason: row.reason,
    node: row.node,
    wallMs: row.wall_ms,
    cpuMs: row.cpu_ms,
    maxRssMb: row.max_rss_mb,
    ...(row.hot_ms !== null && { hotMs: row.hot_ms }),
    ...(row.share_ms !== null && { shareMs: row.share_ms }),
  };
}
