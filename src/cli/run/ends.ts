// How a run ended: what is said about it, and the exit status.

import type { Invocation } from "../../model/invocation.js";
import type { TaskEnd } from "../../sdk/run/session.js";

/** Its place was taken away after it had printed or read something: it may be tried again. */
export const evictedStatus = 75;
const signalBase = 128;

/** Exit statuses of the program on the node that are no task's (src/runtimes/attach). */
const attachStatus = { badOrder: 120, noClient: 121, clientGone: 122 } as const;

export const statusOf = ({ code, signal }: TaskEnd): number =>
  signal !== null ? signalBase + signal : (code ?? 1);

/** As srun says it; null for a task that succeeded. */
export function sentenceOf(task: number, node: string, { code, signal }: TaskEnd): string | null {
  if (signal !== null) return `task ${task} on ${node} was ended by signal ${signal}`;
  return code === 0 ? null : `task ${task} on ${node} exited with status ${code}`;
}

export interface Verdict {
  readonly status: number;
  /** null if there is nothing to say. */
  readonly sentence: string | null;
}

/** The end of a run by its record, whose tasks so far had `highest`. */
export function verdictOf(invocation: Invocation, shown: string, highest: number): Verdict {
  const { state, exitCode, reason, timeLimitMs } = invocation;
  const status = Math.max(1, highest);
  switch (state) {
    case "COMPLETED":
      return { status: highest, sentence: null };
    case "TIMEOUT":
      return { status, sentence: `job ${shown} reached its time limit of ${timeLimitMs} ms` };
    case "OUT_OF_MEMORY":
      return { status, sentence: `job ${shown} ran out of memory: ask for more with --mem` };
    case "CANCELLED":
      return { status, sentence: `job ${shown} was cancelled` };
    default:
      if (exitCode === attachStatus.noClient)
        return {
          status,
          sentence: `${invocation.node ?? "the node"} could not connect to this machine: check that nodes may reach its name or addresses, and a firewall with run.ports of the configuration`,
        };
      if (exitCode === attachStatus.badOrder || exitCode === attachStatus.clientGone)
        return { status, sentence: `job ${shown} lost its connection to this program` };
      return {
        status: Math.max(status, exitCode ?? 1),
        sentence: `job ${shown} failed${reason === null ? "" : `: ${reason}`}`,
      };
  }
}
