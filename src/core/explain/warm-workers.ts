// Explains in sentences where a version has idle workers for a user, how long they stay, and which
// of them gleanerd started before anybody called.

import type { NodeName } from "../../model/ids.js";
import { shownMs } from "./calls.js";

export interface WarmNode {
  readonly node: NodeName;
  readonly idle: number;
  /** The worker that gleanerd had started there ahead and that no call has used yet; or null. */
  readonly ahead: { readonly sinceMs: number; readonly isReady: boolean } | null;
}

export interface WarmView {
  /** How many workers are kept for this user, whoever calls; 0: none. */
  readonly minWarm: number;
  readonly idleTimeoutMs: number | null;
  /** How long an idle worker stays, by the calls so far; null before the first one. */
  readonly keepMs: number | null;
  /** Those with an idle worker, or one that starts. */
  readonly nodes: readonly WarmNode[];
}

/** Sentences without a full stop. */
export function explainWarm(view: WarmView, nowMs: number): readonly string[] {
  const idle = view.nodes.filter((each) => each.idle > 0);
  const where = idle.map((each) => `${each.idle} on ${each.node}`).join(", ");
  return [
    where === "" ? "no idle worker waits for its next call" : `idle workers: ${where}`,
    ...view.nodes.flatMap(({ node, ahead }) =>
      ahead === null ? [] : [started(node, ahead, nowMs)],
    ),
    ...policyOf(view),
  ];
}

function started(
  node: NodeName,
  { sinceMs, isReady }: NonNullable<WarmNode["ahead"]>,
  nowMs: number,
): string {
  const since = `${shownMs(Math.max(0, nowMs - sinceMs))} ago`;
  return isReady
    ? `gleanerd had one started on ${node} ${since}, before anybody called: a call is expected`
    : `gleanerd told ${node} ${since} to start one: a call is expected`;
}

function policyOf({ minWarm, idleTimeoutMs, keepMs }: WarmView): string[] {
  const kept =
    minWarm === 0
      ? []
      : [`gleanerd keeps ${minWarm} of its workers, whether or not anybody calls (--min-warm)`];
  if (idleTimeoutMs !== null)
    return [...kept, `an idle worker stays for ${shownMs(idleTimeoutMs)} (--idle-timeout)`];
  if (keepMs === null) return kept;
  return [...kept, `an idle worker stays for ${shownMs(keepMs)}, by the times of its calls so far`];
}
