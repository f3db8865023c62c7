// Records each change of what keeps Gleaner from a node's idle cores: the basis of the idle report.

import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import { conditionOf } from "../../core/accounting/idle.js";
import type { Store } from "../../core/ports/store.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import type { UnusableReason } from "../../model/capacity/hole.js";
import type { Plan } from "../../model/capacity/plan.js";
import { messageOf } from "../../model/errors.js";
import type { NodeName } from "../../model/ids.js";
import type { ConditionChange, NodeCondition } from "../../model/records/idle.js";
import type { Events } from "../state/events.js";
import type { Registry } from "../state/registry.js";

interface Known {
  /** The last plan's reason about the node; null if it has a hole. */
  readonly reason: UnusableReason | null;
  readonly condition: NodeCondition;
}

/** One row per change of a node, none without changes: on a busy node about four for each job. */
export class Conditions {
  private readonly nodes = new Map<NodeName, Known>();
  private readonly unrecorded = new LogRateLimit();

  constructor(
    private readonly store: Store,
    private readonly registry: Registry,
    events: Events,
    private readonly vacateMs: number,
    private readonly log: Logger,
  ) {
    events.subscribe(["planApplied"], ({ plan }) => this.planApplied(plan));
    events.subscribe(["executorReady", "executorChanged", "executorRetired"], ({ executor }) =>
      this.executorChanged(executor.node),
    );
  }

  private planApplied({ holes, unusable, madeFromMs }: Plan): void {
    const reasons = new Map<NodeName, UnusableReason | null>();
    for (const { node } of holes) reasons.set(node, null);
    for (const { node, reason } of unusable) reasons.set(node, reason);
    const changes: ConditionChange[] = [];
    // A new node's condition holds since it was read, the others' since now: an executor may have
    // reported in between.
    for (const [node, reason] of reasons)
      this.look(node, reason, this.nodes.has(node) ? nowMs() : madeFromMs, changes);
    for (const node of this.nodes.keys()) {
      if (reasons.has(node)) continue;
      this.nodes.delete(node);
      changes.push({ node, condition: null, fromMs: nowMs() });
    }
    this.keep(changes);
  }

  /** The executor of a node became ready, or is no longer ready. */
  private executorChanged(node: NodeName): void {
    const known = this.nodes.get(node);
    if (known === undefined) return;
    const changes: ConditionChange[] = [];
    this.look(node, known.reason, nowMs(), changes);
    this.keep(changes);
  }

  private look(
    node: NodeName,
    reason: UnusableReason | null,
    fromMs: number,
    changes: ConditionChange[],
  ): void {
    const takesWork = this.registry.onNode(node)?.takesWork ?? false;
    const condition = conditionOf(reason, takesWork, this.vacateMs);
    if (this.nodes.get(node)?.condition !== condition) changes.push({ node, condition, fromMs });
    this.nodes.set(node, { reason, condition });
  }

  /** A report may lack a line; no batch job and no result depends on it. */
  private keep(changes: readonly ConditionChange[]): void {
    if (changes.length === 0) return;
    this.store.saveConditions(changes).catch((cause: unknown) => {
      const problem = { changes: changes.length, cause: messageOf(cause) };
      this.unrecorded.say((suppressed) =>
        this.log.error(
          { ...problem, suppressed },
          "cannot write the conditions of nodes: the idle report will lack them",
        ),
      );
    });
  }
}
