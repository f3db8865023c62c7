// Attempts: begun before the order is sent, ended once together with their posting.

import { isCharged } from "../../../core/accounting/metering.js";
import type { AttemptResult, IdRange } from "../../../core/ports/store.js";
import type { CallPhases } from "../../../model/call.js";
import { assert, GleanerError } from "../../../model/errors.js";
import type { ExecutorId, InvocationId, NodeName } from "../../../model/ids.js";
import {
  type Attempt,
  type AttemptState,
  type InvocationState,
  invocationTransitions,
  isFinal,
} from "../../../model/invocation.js";
import { step } from "../../../model/machine.js";
import type { Connection } from "../database.js";
import type { ChainWriter } from "../ledger/chain.js";
import type { Operations } from "../signatures.js";
import { callKeeper } from "./calls.js";
import type { EndNoter } from "./rows/maps.js";
import { taskSeparator } from "./rows/task-runs.js";

interface AttemptRow {
  readonly invocation: InvocationId;
  readonly number: number;
  readonly executor: ExecutorId;
  readonly node: NodeName;
  readonly cores: number;
  readonly memory_mb: number;
  readonly gpus: number;
  readonly state: AttemptState;
  readonly started_at_ms: number;
  readonly started_monotonic_ms: number;
  readonly ended_at_ms: number | null;
  readonly wall_ms: number | null;
  readonly reason: string | null;
  readonly shares_with: InvocationId | null;
  readonly share_ms: number | null;
  readonly fetch_ms: number | null;
  readonly start_ms: number | null;
  readonly load_ms: number | null;
  readonly run_ms: number | null;
}

const columns =
  "invocation, number, executor, node, cores, memory_mb, gpus, state, started_at_ms, started_monotonic_ms, ended_at_ms, wall_ms, reason, shares_with, share_ms, fetch_ms, start_ms, load_ms, run_ms";

function attemptOf(row: AttemptRow): Attempt {
  return {
    invocation: row.invocation,
    number: row.number,
    executor: row.executor,
    node: row.node,
    cores: row.cores,
    memoryMb: row.memory_mb,
    gpus: row.gpus,
    state: row.state,
    startedAtMs: row.started_at_ms,
    startedMonotonicMs: row.started_monotonic_ms,
    endedAtMs: row.ended_at_ms,
    wallMs: row.wall_ms,
    reason: row.reason,
    sharesWith: row.shares_with,
    shareMs: row.share_ms,
    phases: phasesOf(row),
  };
}

const phasesOf = ({ fetch_ms, start_ms, load_ms, run_ms }: AttemptRow): CallPhases | null =>
  fetch_ms === null
    ? null
    : { fetchMs: fetch_ms, startMs: start_ms!, loadMs: load_ms!, runMs: run_ms! };

/** What ends write once for a group. */
export interface EndWrites {
  readonly chain: Pick<ChainWriter, "add">;
  readonly ends: Pick<EndNoter, "note">;
}

export function attemptWrites(
  database: Connection,
  writes: EndWrites,
): Operations<"beginAttempt" | "beginTasks" | "endAttempt"> {
  return {
    beginAttempt: beginAttempt(database),
    beginTasks: beginTasks(database),
    endAttempt: endAttempt(database, writes),
  };
}

function findInvocation(database: Connection) {
  return database.prepare<[number], { state: InvocationState; attempt: number }>(
    "SELECT state, attempt FROM invocation WHERE id = ?",
  );
}

function beginAttempt(database: Connection): (attempt: Attempt) => void {
  const invocationState = findInvocation(database);
  const separate = taskSeparator(database);
  const insertAttempt = database.prepare(
    `INSERT INTO attempt (invocation, number, executor, node, cores, memory_mb, gpus, state, started_at_ms,
       started_monotonic_ms, shares_with)
     VALUES (@invocation, @number, @executor, @node, @cores, @memoryMb, @gpus, 'RUNNING', @startedAtMs,
       @startedMonotonicMs, @sharesWith)`,
  );
  const runInvocation = database.prepare(
    `UPDATE invocation SET state = 'RUNNING', attempt = @number, started_at_ms = @startedAtMs, node = @node,
       reason = NULL WHERE id = @invocation`,
  );
  return (attempt: Attempt) => {
    const { invocation: id, number, state } = attempt;
    assert(state === "RUNNING", `attempt ${number} of invocation ${id} begins RUNNING`);
    let invocation = invocationState.get(id);
    if (invocation === undefined && separate([id, id])) invocation = invocationState.get(id);
    if (invocation === undefined)
      throw new GleanerError("STORE", `cannot begin an attempt: there is no invocation ${id}`);
    step(invocationTransitions, invocation.state, "RUNNING", `invocation ${id}`);
    assert(
      number === invocation.attempt + 1,
      `after attempt ${invocation.attempt} of invocation ${id} comes the next, not ${number}`,
    );
    // A voucher of an earlier release has an attempt without it.
    insertAttempt.run({ ...attempt, sharesWith: attempt.sharesWith ?? null });
    runInvocation.run(attempt);
  };
}

/** Few statements, however many tasks they are. */
function beginTasks(database: Connection): Operations<"beginTasks">["beginTasks"] {
  const separate = taskSeparator(database);
  const insertAttempts = database.prepare(
    `INSERT INTO attempt (invocation, number, executor, node, cores, memory_mb, gpus, state, started_at_ms,
       started_monotonic_ms)
     SELECT value, @number, @executor, @node, @cores, @memoryMb, @gpus, 'RUNNING', @startedAtMs,
       @startedMonotonicMs FROM json_each(@tasks)`,
  );
  const runInvocations = database.prepare(
    `UPDATE invocation SET state = 'RUNNING', attempt = @number, started_at_ms = @startedAtMs, node = @node
       WHERE id IN (SELECT value FROM json_each(@tasks))`,
  );
  return (attempt, tasks) => {
    assert(attempt.number === 1, "nobody has tried to run a task that waits in a run");
    for (const [first, last] of rangesOf(tasks))
      if (!separate([first, last]))
        throw new GleanerError("STORE", `tasks ${first} to ${last} do not wait as runs`);
    const row = { ...attempt, tasks: JSON.stringify(tasks) };
    insertAttempts.run(row);
    runInvocations.run(row);
  };
}

/** Consecutive ids as ranges. */
function rangesOf(ids: readonly InvocationId[]): IdRange[] {
  const ranges: [InvocationId, InvocationId][] = [];
  for (const id of ids) {
    const last = ranges.at(-1);
    if (last?.[1] === id - 1) last[1] = id;
    else ranges.push([id, id]);
  }
  return ranges;
}

const noPhases = { fetchMs: null, startMs: null, loadMs: null, runMs: null };

function endAttempt(
  database: Connection,
  { chain, ends }: EndWrites,
): (result: AttemptResult) => boolean {
  const invocationState = findInvocation(database);
  const finishAttempt = database.prepare(
    `UPDATE attempt SET state = @end, ended_at_ms = @endedAtMs, wall_ms = @wallMs, share_ms = @shareMs, cpu_ms = @cpuMs,
       hot_ms = @hotMs, spin_ms = @spinMs, max_rss_mb = @maxRssMb, exit_code = @exitCode, signal = @signal, reason = @reason,
       fetch_ms = @fetchMs, start_ms = @startMs, load_ms = @loadMs, run_ms = @runMs
     WHERE invocation = @invocation AND number = @attempt AND state = 'RUNNING'`,
  );
  const finishInvocation = database.prepare(
    `UPDATE invocation SET state = @next, ended_at_ms = @endedAtMs, exit_code = @exitCode, signal = @signal,
       reason = @reason WHERE id = @invocation`,
  );
  const requeueInvocation = database.prepare(
    `UPDATE invocation SET state = 'PENDING', started_at_ms = NULL, node = NULL, reason = @reason
     WHERE id = @invocation`,
  );
  const keepCall = callKeeper(database);
  return (result: AttemptResult) => {
    const { invocation: id, attempt, next, postings, answer, log, phases, ...facts } = result;
    const invocation = invocationState.get(id);
    if (invocation?.state !== "RUNNING" || invocation.attempt !== attempt) return false;
    const what = `attempt ${attempt} of invocation ${id}`;
    assert(
      isCharged(result.end, result) === postings.length > 0,
      `${what}, which ended ${result.end}, is ${postings.length === 0 ? "not posted" : "posted"}`,
    );
    assert(
      postings.every((posting) => posting.invocation === id && posting.attempt === attempt),
      `the postings of ${what} are its own`,
    );
    step(invocationTransitions, "RUNNING", next, `invocation ${id}`);
    const row = { invocation: id, attempt, next, ...facts, ...(phases ?? noPhases) };
    const { changes } = finishAttempt.run(row);
    assert(changes === 1, `${what} is RUNNING as its invocation is`);
    if (isFinal(next)) finishInvocation.run(row);
    else requeueInvocation.run(row);
    for (const posting of postings) chain.add(posting);
    if (isFinal(next)) {
      keepCall(result);
      ends.note(id);
    }
    return true;
  };
}

export function attemptReads(
  database: Connection,
): Operations<"loadRunningAttempts" | "listAttempts"> {
  const selectRunning = database.prepare<[], AttemptRow>(
    `SELECT ${columns} FROM attempt WHERE ended_at_ms IS NULL ORDER BY invocation, number`,
  );
  const selectOf = database.prepare<[number], AttemptRow>(
    `SELECT ${columns} FROM attempt WHERE invocation = ? ORDER BY number`,
  );
  return {
    loadRunningAttempts: () => selectRunning.all().map(attemptOf),
    listAttempts: (invocation) => selectOf.all(invocation).map(attemptOf),
  };
}
