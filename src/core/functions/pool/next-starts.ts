// Chooses which of the workers that are wanted are started now: users take turns, and each node
// starts one at a time.

import type { NodeName } from "../../../model/ids.js";

/**
 * On at most one node in two: they share file systems, and cores of which functions have the last
 * part only.
 */
const nodesOfOneStart = 2;
/** Whatever the number of nodes: gleanerd sends as many bundles at once. */
const mostAtOnce = 16;

export interface WantedStart {
  readonly uid: number;
  readonly node: NodeName;
}

/** `wanted`: the most wanted first. `underWay`: what has not become ready yet. */
export function nextStarts<Start extends WantedStart>(
  wanted: readonly Start[],
  underWay: readonly WantedStart[],
  nodes: number,
): readonly Start[] {
  const most = Math.min(mostAtOnce, Math.ceil(nodes / nodesOfOneStart));
  const busy = new Set(underWay.map(({ node }) => node));
  const ofUsers = new Map<number, number>();
  const count = ({ uid }: WantedStart) => ofUsers.set(uid, (ofUsers.get(uid) ?? 0) + 1);
  for (const each of underWay) count(each);
  const chosen: Start[] = [];
  while (underWay.length + chosen.length < most) {
    const next = firstInTurn(
      wanted.filter(({ node }) => !busy.has(node)),
      ofUsers,
    );
    if (next === null) break;
    chosen.push(next);
    busy.add(next.node);
    count(next);
  }
  return chosen;
}

/** The first one of the user who has fewest. */
function firstInTurn<Start extends WantedStart>(
  wanted: readonly Start[],
  ofUsers: ReadonlyMap<number, number>,
): Start | null {
  let first: Start | null = null;
  const turns = ({ uid }: Start) => ofUsers.get(uid) ?? 0;
  for (const each of wanted) if (first === null || turns(each) < turns(first)) first = each;
  return first;
}
