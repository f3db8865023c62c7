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

/** A start that takes longer counts as several: its node or a file system is busy. */
const usualMs = 500;

export interface WantedStart {
  readonly uid: number;
  readonly node: NodeName;
}

/** What was told to start and has not become ready. */
export interface StartUnderWay extends WantedStart {
  readonly ageMs: number;
}

/**
 * `wanted`: the most wanted first. `lastMs`: what the last start took, ready or not. `lastTurns`:
 * the number of each user's last start; later ones have higher numbers.
 */
export function nextStarts<Start extends WantedStart>(
  wanted: readonly Start[],
  underWay: readonly StartUnderWay[],
  nodes: number,
  lastMs = 0,
  lastTurns: ReadonlyMap<number, number> = new Map(),
): readonly Start[] {
  const most = Math.min(mostAtOnce, Math.ceil(nodes / nodesOfOneStart)) / slowness(lastMs);
  const taken = underWay.reduce((sum, { ageMs }) => sum + slowness(ageMs), 0);
  const busy = new Set(underWay.map(({ node }) => node));
  const ofUsers = new Map<number, number>();
  const count = ({ uid }: WantedStart) => ofUsers.set(uid, (ofUsers.get(uid) ?? 0) + 1);
  for (const each of underWay) count(each);
  const chosen: Start[] = [];
  while (taken + chosen.length + 1 <= Math.max(1, most)) {
    const next = firstInTurn(
      wanted.filter(({ node }) => !busy.has(node)),
      ofUsers,
      lastTurns,
    );
    if (next === null) break;
    chosen.push(next);
    busy.add(next.node);
    count(next);
  }
  return chosen;
}

const slowness = (tookMs: number): number => Math.max(1, tookMs / usualMs);

/** The first one of the user who has fewest; of those with as few, of whose turn is longest ago. */
function firstInTurn<Start extends WantedStart>(
  wanted: readonly Start[],
  ofUsers: ReadonlyMap<number, number>,
  lastTurns: ReadonlyMap<number, number>,
): Start | null {
  let first: Start | null = null;
  const of = (turns: ReadonlyMap<number, number>, { uid }: Start) => turns.get(uid) ?? 0;
  const isBefore = (one: Start, other: Start): boolean =>
    (of(ofUsers, one) - of(ofUsers, other) || of(lastTurns, one) - of(lastTurns, other)) < 0;
  for (const each of wanted) if (first === null || isBefore(each, first)) first = each;
  return first;
}
