// What is known of an invocation that does not wait: that it runs, or how it ended.

import { displayId, type Invocation } from "../../model/invocation.js";

export function explainState(invocation: Invocation): string {
  const { state, node, attempt, reason, exitCode, signal } = invocation;
  if (state === "RUNNING") return `${displayId(invocation)} runs on ${node} as attempt ${attempt}`;
  const because = reason === null ? "" : `: ${reason}`;
  const exit = exitCode === null ? "" : ` with exit code ${exitCode}`;
  const killed = signal === null ? "" : ` by signal ${signal}`;
  return `${displayId(invocation)} ended ${state}${exit}${killed} in attempt ${attempt}${because}`;
}

export const describeNoLink = (node: string): string => `gleanerd has no connection to ${node}`;

/** `leaseTtlMs`: of the lease that its worker serves; null if it serves none. */
export function explainNoLink(node: string, leaseTtlMs: number | null): string {
  const lost = describeNoLink(node);
  if (leaseTtlMs === null)
    return `${lost}: it may still run there, and its end is known once the node is back or given up`;
  return `${lost}: a leased worker there ends by itself ${leaseTtlMs / 1_000} s after the last renewal that reached it, and is billed until its end`;
}
