// Waits until killed attempts have left their cores, as briefly as possible, because a batch job
// waits too; also for those of a dead executor, which may hang in the kernel.

import { monotonicMs, pause, standStill } from "../../clock.js";

/**
 * How often a killed group is checked until it is empty. More often would take processor time from
 * the dying processes.
 */
export const emptyPollMs = 2;
/**
 * The time after a kill of all groups by which sleeping processes are gone, but not those without
 * any quota left.
 */
const lateMs = 15;
/**
 * For how long dying processes also get the executor's own time: it does not read their
 * supervisors' reports earlier.
 */
const stillMs = 25;

/** An attempt that was killed. */
export interface Dying {
  readonly isStarted: boolean;
  /** Whether no process of its command is left. */
  readonly isFree: boolean;
  readonly handle: { kill(): void } | null;
}

/**
 * An emptied group stays empty, so the groups are awaited in turn. A slow one may have used up its
 * quota: each is also killed alone.
 */
export async function emptied(
  attempts: readonly Dying[],
  areAllGone: () => boolean,
  hurry: () => void,
): Promise<void> {
  const startedMs = monotonicMs();
  let isLate = false;
  const pressOn = () => {
    hurry(); // test nodes share a machine, and another executor there may have ended its own hurry
    if (isLate || monotonicMs() - startedMs < lateMs) return;
    isLate = true;
    for (const each of attempts) if (!each.isFree) each.handle!.kill();
  };
  // Stays idle instead of serving others: a node's functions die together, and reading the report
  // of one would take the processor from the next. Attempts that have not started are awaited
  // below, because they must be heard.
  const started = attempts.filter((each) => each.isStarted);
  const areDying = () => !areAllGone() && started.some((each) => !each.isFree);
  while (monotonicMs() - startedMs < stillMs && areDying() && standStill(emptyPollMs)) pressOn();
  for (const attempt of attempts)
    while (!attempt.isFree) {
      await pause(emptyPollMs);
      pressOn();
    }
}

/**
 * Killed processes leave a cgroup within milliseconds; if one hangs in the kernel, the executor
 * waits no longer than this.
 */
export const emptyMs = 5_000;

/**
 * The processes that the hook has found to hang. It may still be waiting for them itself when the
 * next executor starts, and tells what it found once its deadline is over.
 */
export type Known = () => readonly number[];

export interface Killed {
  /** Those that are left; null once there are none. Empty if nobody can tell which they are. */
  readonly processes: () => readonly number[] | null;
  readonly hangs: (pid: number) => boolean;
  readonly known: Known;
}

export async function endOfKilled({
  processes,
  hangs,
  known,
}: Killed): Promise<"gone" | "hangs" | "lives"> {
  const startedMs = monotonicMs();
  for (;;) {
    const left = processes();
    if (left === null) return "gone";
    const isLate = monotonicMs() - startedMs > emptyMs;
    if (left.length > 0 && left.every(hangs) && (isLate || areAll(left, known()))) return "hangs";
    if (isLate) return "lives";
    await pause(emptyPollMs);
  }
}

const areAll = (left: readonly number[], known: readonly number[]): boolean =>
  left.every((pid) => known.includes(pid));
