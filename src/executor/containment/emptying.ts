// Waits until killed attempts have left their cores: as short as can be, for a batch job waits too.

import { monotonicMs, pause, standStill } from "../../clock.js";

/** A killed group is looked at this often until it is empty. More often would take time from those that are dying. */
export const emptyPollMs = 2;
/** After a kill of all at once: a sleeping process is gone by then, one without quota left is not. */
const lateMs = 15;
/** How long the dying have the executor's own time, too: their supervisors' reports are not read before. */
const stillMs = 25;

/** An attempt that was killed. */
export interface Dying {
  readonly isStarted: boolean;
  /** Whether no process of its command is left. */
  readonly isFree: boolean;
  readonly handle: { kill(): void } | null;
}

/** What was killed stays free, so each is waited for in turn. One that takes long may have used up its quota: each is killed alone, too. */
export async function emptied(
  attempts: readonly Dying[],
  areAllGone: () => boolean,
  hurry: () => void,
): Promise<void> {
  const startedMs = monotonicMs();
  let isLate = false;
  const pressOn = () => {
    hurry(); // another executor of this machine, which nodes of tests share, may have ended its own
    if (isLate || monotonicMs() - startedMs < lateMs) return;
    isLate = true;
    for (const each of attempts) if (!each.isFree) each.handle!.kill();
  };
  // Freezable still instead of serving others: a node's functions die together, and whoever read the report of one would
  // take the processor from the next. What has not started is waited for below, for it has to be heard.
  const started = attempts.filter((each) => each.isStarted);
  const areDying = () => !areAllGone() && started.some((each) => !each.isFree);
  while (monotonicMs() - startedMs < stillMs && areDying() && standStill(emptyPollMs)) pressOn();
  for (const attempt of attempts)
    while (!attempt.isFree) {
      await pause(emptyPollMs);
      pressOn();
    }
}
