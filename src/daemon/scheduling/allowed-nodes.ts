// The nodes that an invocation may have, from the latest read of Slurm.

import type { Waiting } from "../../core/placement/queue.js";
import { nodeTest } from "../../core/scheduling/where.js";
import type { NodeName } from "../../model/ids.js";
import type { Snapshot } from "../../model/slurm/snapshot.js";

export class AllowedNodes {
  private readonly found = new Map<string, ReadonlySet<NodeName>>();
  private nodes: Snapshot["nodes"] | null = null;

  /** Calls `view` only once everything is constructed. */
  constructor(private readonly view: () => { readonly snapshot: Snapshot | null }) {}

  /** undefined: all nodes. */
  of({ where }: Pick<Waiting, "where">): ReadonlySet<NodeName> | undefined {
    if (where === undefined) return undefined;
    const nodes = this.view().snapshot?.nodes ?? [];
    if (nodes !== this.nodes) this.found.clear();
    this.nodes = nodes;
    const key = JSON.stringify(where);
    const known = this.found.get(key);
    if (known !== undefined) return known;
    const allowed = new Set(nodes.filter(nodeTest(where)).map(({ name }) => name));
    this.found.set(key, allowed);
    return allowed;
  }
}
