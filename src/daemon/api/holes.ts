// Which idle cores run nothing now, and why: for `glean explain hole` and `glean explain NODE`.

import { nowMs } from "../../clock.js";
import { type ExecutorView, explainUnused, type NodeView } from "../../core/explain-hole.js";
import { GleanerError } from "../../model/errors.js";
import type { UnusedCores } from "../../model/idle.js";
import type { Node } from "../../model/node.js";
import { fits, type Resources } from "../../model/resources.js";
import type { HolesAnswer } from "../../wire/api.js";
import type { Capacity } from "../capacity.js";
import type { Learning } from "../learning.js";
import type { LiveInvocations } from "../live.js";
import type { ExecutorRecord, Registry } from "../registry.js";

/** Kinds of waiting work that are held against each node: a question must not hold up the daemon. */
const maxKinds = 100;

export interface HoleParts {
  readonly capacity: Capacity;
  readonly registry: Registry;
  readonly live: LiveInvocations;
  readonly learning: Learning;
}

/** All nodes' unused cores, or those of `name`; throws NOT_FOUND when Slurm does not list it. */
export function unusedHoles(parts: HoleParts, name: string | null): HolesAnswer {
  const all = parts.capacity.snapshot?.nodes ?? [];
  const nodes = name === null ? all : all.filter((node) => node.name === name);
  if (name !== null && nodes.length === 0)
    throw new GleanerError("NOT_FOUND", `Slurm lists no node ${name}: see glean info`);
  const reasons = new Map(parts.capacity.plan?.unusable.map(({ node, reason }) => [node, reason]));
  const demand = new Demand(parts);
  return {
    idleCores: nodes.reduce((sum, node) => sum + idleCoresOf(node), 0),
    holes: nodes.flatMap((node) => unusedOn(parts, node, reasons.get(node.name) ?? null, demand)),
  };
}

const idleCoresOf = ({ cores, allocatedCores }: Node): number =>
  Math.max(0, cores - allocatedCores);

function unusedOn(
  parts: HoleParts,
  node: Node,
  reason: NodeView["reason"],
  demand: Demand,
): readonly UnusedCores[] {
  const record = parts.registry.onNode(node.name);
  const executor = record === undefined ? null : executorView(record);
  const view: NodeView = { node: node.name, idleCores: idleCoresOf(node), reason, executor };
  const { vacateMs } = parts.learning;
  const { waiting } = demand;
  const fitsThere = record !== undefined && demand.fits(record, vacateMs);
  return explainUnused(view, { waiting, fits: fitsThere }, vacateMs);
}

const executorView = (record: ExecutorRecord): ExecutorView => ({
  takesWork: record.takesWork,
  state: record.state,
  forMs: Math.max(0, nowMs() - record.startedAtMs),
  budget: record.budget,
  usedCores: record.usedCores,
  free: record.free,
});

/** The kinds of work that wait, looked up once for all nodes. */
class Demand {
  readonly waiting: number;
  private readonly kinds = new Map<string, { need: Resources; expectedMs: number }>();

  constructor({ live, learning }: HoleParts) {
    this.waiting = live.queue.size;
    for (const [head] of live.queue.groupsInOrder()) {
      if (head === undefined || this.kinds.size >= maxKinds) break;
      const { cores, memoryMb } = head;
      const expectedMs = learning.expectedMs(head);
      const need = { cores, memoryMb, gpus: [] };
      this.kinds.set(`${cores}/${memoryMb}/${expectedMs}`, { need, expectedMs });
    }
  }

  /** Whether any of it would be placed there: by what is free and by when it would end. */
  fits({ free, hole }: ExecutorRecord, vacateMs: number): boolean {
    const leftMs = hole.endsAtMs === null ? null : hole.endsAtMs - nowMs() - vacateMs;
    for (const { need, expectedMs } of this.kinds.values())
      if (fits(need, free) && (leftMs === null || expectedMs <= leftMs)) return true;
    return false;
  }
}
