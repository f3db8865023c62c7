// Ends invocations before their time: those that wait in one transaction, and executors are told to
// end those that run. Passes signals and changed time limits on to those that run.

import { WaitingRuns } from "../../core/placement/waiting-runs.js";
import type { Store } from "../../core/ports/store.js";
import { isTurnOver, nextTurn } from "../../limits/turns.js";
import { counted } from "../../model/counted.js";
import type { InvocationId } from "../../model/ids.js";
import { displayId } from "../../model/invocation.js";
import type { SignalOrder } from "../../wire/messages.js";
import { endWithdrawn } from "../invocations/withdrawal.js";
import type { LiveInvocations } from "../state/live.js";
import type { Live } from "../state/live-invocation.js";
import type { LiveRun } from "../state/live-run.js";
import type { Registry } from "../state/registry.js";
import type { Executors } from "./executors.js";

export interface EndingParts {
  readonly store: Pick<Store, "endPending" | "recordCall">;
  readonly live: LiveInvocations;
  readonly registry: Pick<Registry, "get">;
  readonly executors: Pick<Executors, "cancel">;
}

/** What is to end: invocations, and runs of tasks that wait. */
export interface Chosen {
  readonly singles: Iterable<Live>;
  readonly runs: readonly LiveRun[];
}

/** The tasks of an array that have not ended. */
export function tasksOfArray(live: LiveInvocations, id: InvocationId): Chosen {
  const tasks = live.tasksOf(id);
  return tasks === null
    ? { singles: [], runs: [] }
    : { singles: [...tasks.singles], runs: live.room.runsToEnd(tasks.ids) };
}

/** Returns how many are cancelled or about to be. */
export async function endChosen(
  deps: EndingParts,
  reason: string,
  chosen: Chosen,
): Promise<number> {
  const { live } = deps;
  const singles: Live[] = [];
  const runs = await withdrawn(live, chosen.runs);
  let cancelled = runs.reduce((sum, { count }) => sum + count, 0);
  const begun = tasksIn(live, chosen.runs);
  for (const [at, each] of [...chosen.singles, ...begun].entries()) {
    if (isTurnOver(at)) await nextTurn();
    const { id } = each;
    // A task that waited in a run may have begun.
    const now = live.get(id);
    if (now === undefined) continue;
    cancelled++;
    if (now.state === "RUNNING") {
      now.endReason ??= reason;
      endRunning(deps, now);
    }
    // Another request is cancelling a pending invocation that does not wait.
    else if (live.room.has(id)) {
      live.withdraw(now);
      singles.push(now);
    }
  }
  await endWithdrawn(deps, { singles, runs }, "CANCELLED", reason);
  return cancelled;
}

async function withdrawn(live: LiveInvocations, chosen: readonly LiveRun[]): Promise<LiveRun[]> {
  const runs: LiveRun[] = [];
  for (const [at, { fromId, toId }] of chosen.entries()) {
    if (isTurnOver(at)) await nextTurn();
    runs.push(...live.withdrawRuns([fromId, toId]));
  }
  return runs;
}

/** The tasks of runs that do not wait as runs: those that began while the others were withdrawn. */
function tasksIn(live: LiveInvocations, runs: readonly LiveRun[]): Live[] {
  const ids = new WaitingRuns();
  for (const run of runs) ids.add(run);
  const arrays = new Set(runs.map(({ submission }) => submission.requested.arrayJobId!));
  return [...arrays].flatMap((array) =>
    [...(live.tasksOf(array)?.singles ?? [])].filter(({ id }) => ids.find(id) !== undefined),
  );
}

export function endRunning(
  { live: all, registry, executors }: Omit<EndingParts, "store">,
  live: Live,
): void {
  const assignment = all.assignments.get(live.id);
  const record = assignment && registry.get(assignment.executor);
  if (record !== undefined) executors.cancel(record, assignment!, live.isRequeued);
}

/** An executor that is not connected is told the time limit once it connects. */
export async function limitRunning(
  { live: all, registry }: Pick<EndingParts, "live" | "registry">,
  singles: readonly Live[],
): Promise<void> {
  for (const [at, live] of singles.entries()) {
    if (isTurnOver(at)) await nextTurn();
    const assignment = all.assignments.get(live.id);
    if (assignment === undefined) continue;
    const { invocation, attempt, executor } = assignment;
    const { timeLimitMs } = live;
    const order = { type: "limit", key: { invocation, attempt }, timeLimitMs } as const;
    registry.get(executor)?.line?.send(order);
  }
}

interface Signalled {
  readonly sent: number;
  /** A sentence for each reason why some of it gets no signal. */
  readonly problems: readonly string[];
  /** What does not run. */
  readonly waiting: Chosen;
}

/** Tells executors of a signal for what runs. */
export async function signalChosen(
  deps: Pick<EndingParts, "live" | "registry">,
  order: SignalOrder,
  { singles, runs }: Chosen,
): Promise<Signalled> {
  const waiting: Live[] = [];
  const refused = new Map<string, Live[]>();
  let sent = 0;
  for (const [at, each] of [...singles].entries()) {
    if (isTurnOver(at)) await nextTurn();
    if (each.state !== "RUNNING") {
      waiting.push(each);
      continue;
    }
    const problem = signalRunning(deps, each, order);
    if (problem === null) sent++;
    else if (!refused.get(problem)?.push(each)) refused.set(problem, [each]);
  }
  const problems = [...refused].map(([why, all]) => unsent(all[0]!, all.length, why));
  return { sent, problems, waiting: { singles: waiting, runs } };
}

/** Returns why it gets no signal; null if its executor was told of it. */
function signalRunning(
  { live: all, registry }: Pick<EndingParts, "live" | "registry">,
  live: Live,
  order: SignalOrder,
): string | null {
  if (live.submission.workerKey !== null) return "calls take none: omit the signal to cancel";
  const assignment = all.assignments.get(live.id);
  const line = assignment && registry.get(assignment.executor)?.line;
  if (!line) return "its node is not connected now: try again in 10 s";
  const { invocation, attempt } = assignment;
  line.send({ type: "signal", key: { invocation, attempt }, ...order });
  return null;
}

/** Says that what waits gets no signal; nothing if nothing waits. */
export function unsentTo({ singles, runs }: Chosen): string[] {
  const all = [...singles, ...runs.map((run) => run.at(run.fromId))];
  const count = runs.reduce((sum, run) => sum + run.count, [...singles].length);
  return count === 0 ? [] : [unsent(all[0]!, count, "only what runs takes signals")];
}

function unsent(first: Live, count: number, why: string): string {
  const more = count === 1 ? "" : ` and ${counted(count - 1, "other")}`;
  return `no signal was sent to ${displayId(first.invocation)}${more}: ${why}`;
}
