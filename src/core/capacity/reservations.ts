// Finds the reservation that has a node at present, to explain the node's state.

import type { UnusableReason } from "../../model/capacity/hole.js";
import type { Node } from "../../model/slurm/node.js";
import type { Reservation, Snapshot } from "../../model/slurm/snapshot.js";

/**
 * Flags that Slurm sets on the nodes of an active reservation, even if it has only some of their
 * cores.
 */
const reservedFlags: ReadonlySet<string> = new Set(["RESERVED", "MAINT", "MAINTENANCE"]);
export const isOfReservation = (flag: string): boolean => reservedFlags.has(flag);

/** Adds the reservation to the reason if it is the cause of the node's state. */
export function withReservation(
  reason: UnusableReason,
  node: Node,
  { reservations, nodes }: Pick<Snapshot, "reservations" | "nodes">,
  nowMs: number,
): UnusableReason {
  if (reason.kind !== "state" || !isOfReservation(reason.flag)) return reason;
  const found = reservations.find(
    (each) =>
      each.startAtMs <= nowMs &&
      nowMs < each.endAtMs &&
      each.nodes.some((name) => name === node.name),
  );
  if (found === undefined) return reason;
  const inPart = isInPart(found, nodes)
    ? ", which covers only some cores of its nodes: Gleaner does not use such nodes at all"
    : "";
  return { ...reason, detail: `reservation ${found.name}${inPart}` };
}

function isInPart({ cores, nodes: names }: Reservation, nodes: readonly Node[]): boolean {
  const reserved = new Set(names);
  const all = nodes.reduce((sum, each) => sum + (reserved.has(each.name) ? each.cpuTotal : 0), 0);
  return cores !== undefined && cores < all;
}
