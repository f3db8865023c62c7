// Stops a process without a request to it, as a process that hangs.

import { readdirSync, readFileSync } from "node:fs";
import { errorCodeOf } from "../../../src/model/errors.js";
import { until } from "../until.js";

/** Threads that wait for a busy processor, or for a disk, stop when they have it. */
const STOP_DEADLINE_MS = 20_000;

/**
 * Sends SIGSTOP and resolves once no thread of the process runs: until each has had a processor,
 * the others go on and may still answer. The caller sends SIGCONT or SIGKILL.
 */
export async function suspend(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  await until(
    STOP_DEADLINE_MS,
    () => threadStates(pid).every((state) => "TZX".includes(state)) || undefined,
    () => new Error(`Process ${pid} does not stop.`),
  );
}

/** T: stopped; Z and X: ended. */
function threadStates(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    try {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "latin1");
      return stat.charAt(stat.lastIndexOf(")") + 2);
    } catch (thrown) {
      if (!["ENOENT", "ESRCH"].includes(errorCodeOf(thrown) ?? "")) throw thrown;
      return "X"; // it ended meanwhile
    }
  });
}
