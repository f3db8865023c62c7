// What the signals that come to `glean run` do, as for srun.

import { constants } from "node:os";
import { monotonicMs } from "../../clock.js";
import type { AttachedRun } from "./attached.js";

/** A second Ctrl-C within this time ends the run. */
const secondMs = 1_000;
const { SIGINT, SIGQUIT, SIGHUP } = constants.signals;
const statusOf = (signal: number): number => 128 + signal;
/** Passed on to the tasks. */
const forwarded = ["SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM"] as const;

type Listeners = Partial<Record<NodeJS.Signals, () => void>>;

/** Until the returned function is called. */
export function heedSignals(
  run: Pick<AttachedRun, "state" | "isBlocked" | "signal" | "end">,
  say: (sentence: string) => void,
): () => void {
  let interruptedMs: number | null = null;
  const end = (signal: number): void => {
    run.end(statusOf(signal), null);
    // Whoever does not read would also keep this process from its end.
    if (run.isBlocked) dieOf(signal);
  };
  const listeners: Listeners = {
    SIGINT: () => {
      const { state } = run;
      const isSecond = interruptedMs !== null && monotonicMs() - interruptedMs <= secondMs;
      if (state === null || isSecond) return end(SIGINT);
      interruptedMs = monotonicMs();
      say("interrupt (one more within 1 s ends the job)");
      say(state);
    },
    SIGQUIT: () => end(SIGQUIT),
    SIGHUP: () => end(SIGHUP),
  };
  for (const name of forwarded) listeners[name] = () => run.signal(constants.signals[name]);
  const all = Object.entries(listeners) as [NodeJS.Signals, () => void][];
  for (const [name, listener] of all) process.on(name, listener);
  return () => {
    for (const [name, listener] of all) process.removeListener(name, listener);
  };
}

/** As a program without a handler; the node ends the tasks of a client that is gone. */
function dieOf(signal: number): void {
  for (const name of ["SIGINT", "SIGQUIT", "SIGHUP"] as const) process.removeAllListeners(name);
  process.kill(process.pid, signal);
}
