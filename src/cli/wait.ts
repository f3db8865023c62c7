// Waits for the end of a submission, across restarts of the daemon.

import { setTimeout as pause } from "node:timers/promises";
import { monotonicMs } from "../clock.js";
import { GleanerError } from "../model/errors.js";
import { type Invocation, isFinal } from "../model/invocation.js";
import type { GleanerClient } from "../sdk/index.js";
import { complain } from "./output.js";

const firstPauseMs = 250;
const longestPauseMs = 10_000;
/** Longer than any restart or failover takes. */
const patienceMs = 10 * 60_000;
/** The exit status that shells report for a program ended by Ctrl-C. */
const interruptedStatus = 130;

/**
 * Resolves with the highest exit code of the tasks, at least 1 if one did not complete. Ctrl-C ends
 * the program, not the job. Rejects with UNREACHABLE after ten minutes without the daemon.
 */
export async function waitForEnd(client: GleanerClient, id: string): Promise<number> {
  const leave = (): never => {
    complain(`job ${id} stays in the queue: cancel it with glean cancel ${id}`);
    process.exit(interruptedStatus);
  };
  process.once("SIGINT", leave);
  try {
    for (;;) {
      const { invocations } = await patiently(() => client.wait(id), id);
      if (invocations.length === 0)
        throw new GleanerError("NOT_FOUND", `gleanerd no longer knows ${id}: run glean acct`);
      if (invocations.every(({ state }) => isFinal(state)))
        return invocations.reduce((highest, each) => Math.max(highest, exitCodeOf(each)), 0);
      // The daemon delays its answer; the pause limits the rate of requests if it does not.
      await pause(firstPauseMs);
    }
  } finally {
    process.removeListener("SIGINT", leave);
  }
}

async function patiently<T>(ask: () => Promise<T>, id: string): Promise<T> {
  const sinceMs = monotonicMs();
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof GleanerError) || error.code !== "UNREACHABLE") throw error;
      if (monotonicMs() - sinceMs > patienceMs)
        throw new GleanerError(
          "UNREACHABLE",
          `gleanerd did not answer for ${patienceMs / 60_000} minutes; job ${id} stays in the queue: later, run glean acct -j ${id}`,
          { cause: error },
        );
      await pause(pauseMs);
    }
  }
}

/** As with sbatch --wait, a task that a signal or a limit ended counts as 1. */
function exitCodeOf({ state, exitCode }: Invocation): number {
  return state === "COMPLETED" ? 0 : Math.max(1, exitCode ?? 1);
}
