// Which reservation has a node now, so that its state can be explained.

import type { UnusableReason } from "../../model/capacity/hole.js";
import type { Node } from "../../model/slurm/node.js";
import type { Reservation, Snapshot } from "../../model/slurm/snapshot.js";

/**
 * Flags that Slurm gives the nodes of a reservation that has begun, also when it has some of their
 * cores only.
 */
const reservedFlags: ReadonlySet<string> = new Set(["RESERVED", "MAINT", "MAINTENANCE"]);

/** The reason with the reservation behind it, where the node's state is a reservation's doing. */
export function withReservation(
  reason: UnusableReason,
  node: Node,
  { reservations, nodes }: Pick<Snapshot, "reservations" | "nodes">,
  nowMs: number,
): UnusableReason {
  if (reason.kind !== "state" || !reservedFlags.has(reason.flag)) return reason;
  const found = reservations.find(
    (each) =>
      each.startAtMs <= nowMs &&
      nowMs < each.endAtMs &&
      each.nodes.some((name) => name === node.name),
  );
  if (found === undefined) return reason;
  const inPart = isInPart(found, nodes)
    ? ", which has some of the cores of its nodes: such nodes are left alone as a whole"
    : "";
  return { ...reason, detail: `reservation ${found.name}${inPart}` };
}

function isInPart({ cores, nodes: names }: Reservation, nodes: readonly Node[]): boolean {
  const reserved = new Set(names);
  const all = nodes.reduce((sum, each) => sum + (reserved.has(each.name) ? each.cpuTotal : 0), 0);
  return cores !== undefined && cores < all;
}
