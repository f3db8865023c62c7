// Decides which workers to start ahead of their next use, and where.

import type { NodeName } from "../../../model/ids.js";
import { costOf, pressureOrder } from "./pressure.js";
import type { PoolNode, Start, Stop } from "./state.js";
import { byName, compare, type Kept, neededMs, type TimeLeft, type Use } from "./uses.js";

interface Room {
  readonly node: NodeName;
  readonly leftMs: number;
  readonly freeCores: number;
  freeMb: number;
  /** Workers that may go for the sake of min-warm, in the order of pressure. */
  readonly spare: Kept[];
}

export interface Starts {
  readonly start: readonly Start[];
  /** Workers that make room for others. */
  readonly stop: readonly Stop[];
}

/**
 * Starts a worker for each unfilled use for which there is room in a hole that lasts until then:
 * first for min-warm, then for the uses that cost least memory-time. Only min-warm displaces other
 * idle workers; apart from that, a worker that is warm is worth more than one that is to start.
 */
export function decideStarts(
  unfilled: readonly Use[],
  kept: readonly Kept[],
  nodes: readonly PoolNode[],
  timeLeft: TimeLeft,
): Starts {
  const rooms = roomsOf(kept, nodes, timeLeft);
  const start: Start[] = [];
  const stop: Stop[] = [];
  for (const use of promote(unfilled, rooms)
    .filter(({ mayStart }) => mayStart)
    .sort(startOrder)) {
    const room = roomFor(use, rooms);
    if (room === null) continue;
    while (room.freeMb < use.memoryMb) {
      const { worker } = room.spare.shift()!;
      room.freeMb += worker.memoryMb;
      stop.push({ worker: worker.id, reason: "pressure" });
    }
    room.freeMb -= use.memoryMb;
    start.push({ key: use.key, node: room.node });
  }
  return { start, stop };
}

const startOrder = (a: Use, b: Use): number =>
  Number(b.isFloor) - Number(a.isFloor) ||
  compare(costOf(a.memoryMb, a), costOf(b.memoryMb, b)) ||
  byName(a.key, b.key);

function roomsOf(kept: readonly Kept[], nodes: readonly PoolNode[], timeLeft: TimeLeft): Room[] {
  const rooms = new Map<NodeName, Room>();
  for (const { node, idleMemoryMb, freeCores = Number.POSITIVE_INFINITY } of nodes) {
    const leftMs = timeLeft.get(node)!;
    rooms.set(node, { node, leftMs, freeCores, freeMb: idleMemoryMb, spare: [] });
  }
  for (const each of [...kept].sort(pressureOrder)) {
    const room = rooms.get(each.worker.node)!;
    room.freeMb -= each.worker.memoryMb;
    if (!each.use.isFloor) room.spare.push(each);
  }
  return [...rooms.values()].sort((a, b) => byName(a.node, b.node));
}

/**
 * If pressure took a function's min-warm worker on one node, its next idle worker elsewhere takes
 * that place.
 */
function promote(unfilled: readonly Use[], rooms: readonly Room[]): Use[] {
  return unfilled.map((use) => {
    if (!use.isFloor) return use;
    const room = rooms.find(({ spare }) => spare.some((each) => each.use.key === use.key));
    if (room === undefined) return use;
    const at = room.spare.findIndex((each) => each.use.key === use.key);
    const [taken] = room.spare.splice(at, 1);
    return taken!.use;
  });
}

/** The hole that lasts longest, then the one with most room. */
function roomFor(use: Use, rooms: readonly Room[]): Room | null {
  const leastMs = neededMs(use);
  // Rooms are in the order of their names: of equal ones the first is taken.
  const best = (of: (room: Room) => number): Room | null => {
    let found: Room | null = null;
    for (const room of rooms) {
      if (room.leftMs < leastMs || room.freeCores < use.cores || of(room) < use.memoryMb) continue;
      if (found === null || isBetter(room, found, of)) found = room;
    }
    return found;
  };
  const empty = best(({ freeMb }) => freeMb);
  if (empty !== null || !use.isFloor) return empty;
  return best(({ freeMb, spare }) =>
    spare.reduce((sum, { worker }) => sum + worker.memoryMb, freeMb),
  );
}

const isBetter = (room: Room, found: Room, of: (room: Room) => number): boolean =>
  (compare(room.leftMs, found.leftMs) || of(room) - of(found)) > 0;
