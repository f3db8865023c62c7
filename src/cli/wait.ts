// Waiting for the end of a submission, through restarts of the daemon.

import { setTimeout as pause } from "node:timers/promises";
import { monotonicMs } from "../clock.js";
import { GleanerError } from "../model/errors.js";
import { type Invocation, isFinal } from "../model/invocation.js";
import type { GleanerClient } from "../sdk/index.js";
import { complain } from "./output.js";

const firstPauseMs = 250;
const longestPauseMs = 10_000;
/** Longer than any restart or failover; who waits longer looks with `glean queue`. */
const patienceMs = 10 * 60_000;
/** What shells give for a program ended by Ctrl-C. */
const interruptedStatus = 130;

/**
 * Resolves with the highest exit code of the tasks, at least 1 when one did not complete. Ctrl-C ends the program,
 * not the job. Rejects with UNREACHABLE when the daemon stays away for ten minutes.
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
        throw new GleanerError("NOT_FOUND", `gleanerd no longer knows ${id}: look with glean acct`);
      if (invocations.every(({ state }) => isFinal(state)))
        return invocations.reduce((highest, each) => Math.max(highest, exitCodeOf(each)), 0);
      // The daemon holds the answer back; this keeps one that does not from being asked without a pause.
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
          `gleanerd stayed away for ${patienceMs / 60_000} minutes; job ${id} stays in the queue: look later with glean acct -j ${id}`,
          { cause: error },
        );
      await pause(pauseMs);
    }
  }
}

/** As sbatch --wait: a task that a signal or a limit ended counts as 1. */
function exitCodeOf({ state, exitCode }: Invocation): number {
  return state === "COMPLETED" ? 0 : Math.max(1, exitCode ?? 1);
}
