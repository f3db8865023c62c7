// How much faster or slower than elsewhere holes close on each node, by what it saw itself.

import type { NodeName } from "../../model/ids.js";

/** What a node saw counts as much as what all others did when it saw this many closings. */
const siteClosings = 8;
/** The newest thirty-odd holes of a node count: where it is and what runs there changes. */
const rememberedHoles = 32;
/** No node is taken to differ by more. */
const mostRatio = 8;
/** Nodes remembered, those whose holes ended longest ago forgotten first: a large site's. */
const maxNodes = 20_000;

/** Holes that closed on a node, and how many would have closed in the same time on a usual one. */
interface Seen {
  readonly closings: number;
  readonly expected: number;
}

/**
 * Wide nodes, fast ones, those of a partition that few want: their holes last; others are wanted at once. Of each node the
 * closings are compared with those that the site's hazard had let expect, shrunk towards 1 while little was seen.
 */
export class NodeHazard {
  private readonly nodes = new Map<NodeName, Seen>();

  /** How many times as fast as usual holes close there; 1 where nothing was seen. */
  of(node: NodeName): number {
    const seen = this.nodes.get(node);
    if (seen === undefined) return 1;
    const ratio = (siteClosings + seen.closings) / (siteClosings + seen.expected);
    return Math.min(mostRatio, Math.max(1 / mostRatio, ratio));
  }

  record(node: NodeName, closings: number, expected: number): void {
    const seen = this.nodes.get(node) ?? { closings: 0, expected: 0 };
    const keep = 1 - 1 / rememberedHoles;
    this.nodes.delete(node);
    this.nodes.set(node, {
      closings: seen.closings * keep + closings,
      expected: seen.expected * keep + expected,
    });
    if (this.nodes.size <= maxNodes) return;
    const [oldest] = this.nodes.keys();
    this.nodes.delete(oldest!);
  }

  plain(): readonly (readonly [NodeName, number, number])[] {
    return [...this.nodes].map(([node, { closings, expected }]) => [node, closings, expected]);
  }

  /** Throws RangeError: not what plain() gave. */
  static of(plain: unknown): NodeHazard {
    const hazardRatio = new NodeHazard();
    const isAmount = (value: unknown) =>
      typeof value === "number" && Number.isFinite(value) && value >= 0;
    if (!Array.isArray(plain)) throw new RangeError("not what was learned");
    for (const [node, closings, expected] of plain.slice(-maxNodes) as [
      NodeName,
      number,
      number,
    ][]) {
      if (typeof node !== "string" || !isAmount(closings) || !isAmount(expected))
        throw new RangeError("not what was learned");
      hazardRatio.nodes.set(node, { closings, expected });
    }
    return hazardRatio;
  }
}
