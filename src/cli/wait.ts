// Waits for the end of a submission, across restarts of the daemon.

import { setTimeout as pause } from "node:timers/promises";
import { GleanerError } from "../model/errors.js";
import { type Invocation, isFinal } from "../model/invocation.js";
import { type GleanerClient, patiently } from "../sdk/index.js";
import { exitStatus } from "./context.js";
import { pagesOf } from "./newest.js";
import { complain } from "./output.js";

const pauseMs = 250;

/**
 * Resolves with the highest exit code of the tasks, at least 1 if one did not complete. Ctrl-C ends
 * the program, not the job. Rejects with UNREACHABLE after ten minutes without the daemon.
 */
export async function waitForEnd(client: GleanerClient, id: string): Promise<number> {
  const leave = (): never => {
    complain(`job ${id} stays in the queue: cancel it with glean cancel ${id}`);
    process.exit(exitStatus.interrupted);
  };
  const gaveUp = `gleanerd did not answer for 10 minutes; job ${id} stays in the queue: later, run glean acct -j ${id}`;
  process.once("SIGINT", leave);
  // A request that can be interrupted leaves this thread to the listener; see Ask.
  const { signal } = new AbortController();
  try {
    for (;;) {
      const { invocations, truncated } = await patiently(() => client.wait(id, signal), gaveUp);
      if (invocations.length === 0)
        throw new GleanerError("NOT_FOUND", `gleanerd no longer knows ${id}: run glean acct`);
      if (invocations.every(({ state }) => isFinal(state))) {
        if (!truncated) return highestOf(invocations);
        let highest = 0;
        for await (const page of pagesOf(client, { ids: id }))
          highest = Math.max(highest, highestOf(page));
        return highest;
      }
      // The daemon delays its answer; the pause limits the rate of requests if it does not.
      await pause(pauseMs);
    }
  } finally {
    process.removeListener("SIGINT", leave);
  }
}

const highestOf = (invocations: readonly Invocation[]): number =>
  invocations.reduce((highest, each) => Math.max(highest, exitCodeOf(each)), 0);

/** As with sbatch --wait, a task that a signal or a limit ended counts as 1. */
function exitCodeOf({ state, exitCode }: Invocation): number {
  return state === "COMPLETED" ? 0 : Math.max(1, exitCode ?? 1);
}
