// The executors that the daemon knows, by id and by node.

import { EventEmitter } from "node:events";
import type { UnkillableReport } from "../../model/capacity/unkillable.js";
import { assert } from "../../model/errors.js";
import type { ExecutorId, NodeName } from "../../model/ids.js";
import type { Assignments } from "./assignments.js";
import type { ExecutorRecord, Retirement } from "./executor-record.js";

interface RegistryEvents {
  /** An executor is told to leave, and gets no more work. */
  retired: [ExecutorRecord, Retirement];
}

/** At most one executor that is not gone per node. */
export class Registry extends EventEmitter<RegistryEvents> {
  private readonly byId = new Map<ExecutorId, ExecutorRecord>();
  private readonly byNode = new Map<NodeName, ExecutorRecord>();
  /** Processes that hang in nodes' kernels, as each node's last executor reported them. */
  readonly unkillable = new Map<NodeName, UnkillableReport>();

  constructor(private readonly assignments: Assignments) {
    super();
  }

  add(record: ExecutorRecord): void {
    assert(!this.byNode.has(record.node), `node ${record.node} has one executor`);
    this.byId.set(record.id, record);
    this.byNode.set(record.node, record);
    record.attempts = this.assignments.open(record.id);
    record.onRetired = (retirement) => this.emit("retired", record, retirement);
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
