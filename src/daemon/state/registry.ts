// The executors that the daemon knows, by id and by node.

import type { UnkillableReport } from "../../model/capacity/unkillable.js";
import { assert } from "../../model/errors.js";
import type { ExecutorId, NodeName } from "../../model/ids.js";
import type { Assignments } from "./assignments.js";
import type { Events } from "./events.js";
import type { ExecutorRecord } from "./executor-record.js";

/** At most one executor that is not gone per node. */
export class Registry {
  private readonly byId = new Map<ExecutorId, ExecutorRecord>();
  private readonly byNode = new Map<NodeName, ExecutorRecord>();
  /** Processes that hang in nodes' kernels, as each node's last executor reported them. */
  readonly unkillable = new Map<NodeName, UnkillableReport>();

  constructor(
    private readonly assignments: Assignments,
    private readonly events: Events,
  ) {}

  add(record: ExecutorRecord): void {
    assert(!this.byNode.has(record.node), `node ${record.node} has one executor`);
    this.byId.set(record.id, record);
    this.byNode.set(record.node, record);
    record.held = this.assignments.open(record.id);
    record.onRetired = (retirement) =>
      this.events.publish({ type: "executorRetired", executor: record, retirement });
  }

  /** Removes it; its attempts must have been settled. */
  remove(record: ExecutorRecord): void {
    this.assignments.close(record.id);
    this.byId.delete(record.id);
    this.byNode.delete(record.node);
  }

  get(id: ExecutorId): ExecutorRecord | undefined {
    return this.byId.get(id);
  }

  onNode(node: NodeName): ExecutorRecord | undefined {
    return this.byNode.get(node);
  }

  all(): readonly ExecutorRecord[] {
    return [...this.byId.values()];
  }
}
