// Reads of changed nodes that are due, in order of time; one read may cover several nodes.

import type { SimulatedNode } from "./nodes.js";

interface View {
  readonly atMs: number;
  readonly nodes: SimulatedNode[];
}

export class Views {
  private readonly views: View[] = [];
  private first = 0;

  /** Infinity if none is due. */
  nextAtMs(): number {
    return this.views[this.first]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** Never earlier than what was added before. */
  add(node: SimulatedNode, atMs: number): void {
    const last = this.views.at(-1);
    if (last?.atMs === atMs && this.views.length > this.first) last.nodes.push(node);
    else this.views.push({ atMs, nodes: [node] });
  }

  take(): readonly SimulatedNode[] {
    const { nodes } = this.views[this.first++]!;
    if (this.first > 10_000) {
      this.views.splice(0, this.first);
      this.first = 0;
    }
    return nodes;
  }
}
