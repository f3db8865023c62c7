// Learns how much faster or slower holes close on each node than elsewhere.

import type { NodeName } from "../../model/ids.js";
import { remember } from "../../model/remember.js";

/** After this many closings, a node's own record weighs as much as that of all other nodes. */
const siteClosings = 8;
/** About the last thirty holes of a node count, because its surroundings and its jobs change. */
const rememberedHoles = 32;
/** The largest ratio assumed for any node. */
const mostRatio = 8;
/**
 * The most nodes remembered, enough for a large site; those whose holes closed longest ago are
 * forgotten first.
 */
const maxNodes = 20_000;

/** Holes that closed on a node, and how many would have closed in the same time on a usual node. */
interface Seen {
  readonly closings: number;
  readonly expected: number;
}

/**
 * Holes last longer on nodes of an unpopular partition than on wide or fast ones that everybody
 * wants. Each node's closings are compared with the number expected from the site's hazard, and the
 * ratio is shrunk towards 1 while there are few.
 */
export class NodeHazard {
  private readonly nodes = new Map<NodeName, Seen>();

  /**
   * The rate at which holes close on this node, relative to the usual rate; 1 if nothing was
   * observed.
   */
  of(node: NodeName): number {
    const seen = this.nodes.get(node);
    if (seen === undefined) return 1;
    const ratio = (siteClosings + seen.closings) / (siteClosings + seen.expected);
    return Math.min(mostRatio, Math.max(1 / mostRatio, ratio));
  }

  record(node: NodeName, closings: number, expected: number): void {
    const seen = this.nodes.get(node) ?? { closings: 0, expected: 0 };
    const keep = 1 - 1 / rememberedHoles;
    const sum = {
      closings: seen.closings * keep + closings,
      expected: seen.expected * keep + expected,
    };
    remember(this.nodes, node, sum, maxNodes);
  }

  plain(): readonly (readonly [NodeName, number, number])[] {
    return [...this.nodes].map(([node, { closings, expected }]) => [node, closings, expected]);
  }

  /** Throws a RangeError unless `plain` came from plain(). */
  static of(plain: unknown): NodeHazard {
    const hazardRatio = new NodeHazard();
    const isAmount = (value: unknown) =>
      typeof value === "number" && Number.isFinite(value) && value >= 0;
    if (!Array.isArray(plain)) throw new RangeError("not a stored node hazard model");
    for (const [node, closings, expected] of plain.slice(-maxNodes) as [
      NodeName,
      number,
      number,
    ][]) {
      if (typeof node !== "string" || !isAmount(closings) || !isAmount(expected))
        throw new RangeError("not a stored node hazard model");
      hazardRatio.nodes.set(node, { closings, expected });
    }
    return hazardRatio;
  }
}
