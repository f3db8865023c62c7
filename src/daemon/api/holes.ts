// Which idle cores run nothing now, and why: for `glean explain hole` and `glean explain NODE`.

import { nowMs } from "../../clock.js";
import { Claims } from "../../core/capacity/claims.js";
import { type ExecutorView, explainUnused, type NodeView } from "../../core/explain/holes.js";
import { GleanerError } from "../../model/errors.js";
import type { UnusedCores } from "../../model/records/idle.js";
import { fits, type ResourceRequest } from "../../model/resources.js";
import type { HolesAnswer } from "../../wire/api/types.js";
import type { Capacity } from "../capacity/capacity.js";
import type { Learning } from "../records/learning.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
import type { Registry } from "../state/registry.js";

/**
 * The most kinds of waiting work that are compared with each node: a question must not delay the
 * daemon.
 */
const maxKinds = 100;

export interface HoleParts {
  readonly capacity: Pick<Capacity, "snapshot" | "plan">;
  readonly registry: Registry;
  readonly live: LiveInvocations;
  readonly learning: Pick<Learning, "vacateMs" | "expectedMs">;
  /** null if executors are not jobs. */
  readonly pilots: object | null;
}

/**
 * The unused cores of all nodes, or those of `name`; throws NOT_FOUND if Slurm does not list it.
 */
export function unusedHoles(parts: HoleParts, name: string | null): HolesAnswer {
  const { snapshot } = parts.capacity;
  const all = snapshot?.nodes ?? [];
  const nodes = name === null ? all : all.filter((node) => node.name === name);
  if (name !== null && nodes.length === 0)
    throw new GleanerError(
      "NOT_FOUND",
      `Slurm lists no node ${name}: check the name with glean info`,
    );
  const reasons = new Map(parts.capacity.plan?.unusable.map(({ node, reason }) => [node, reason]));
  const demand = new Demand(parts);
  const claims = snapshot === null ? null : new Claims(snapshot);
  const takesPilots = parts.pilots !== null;
  const views = nodes.map((node) => {
    const idleCores = claims!.idleCores(node);
    const record = parts.registry.onNode(node.name);
    const executor = record === undefined ? null : executorView(record);
    const reason = reasons.get(node.name) ?? null;
    return { node: node.name, idleCores, reason, executor, takesPilots };
  });
  return {
    idleCores: views.reduce((sum, { idleCores }) => sum + idleCores, 0),
    holes: views.flatMap((view) => unusedOn(parts, view, demand)),
  };
}

function unusedOn(parts: HoleParts, view: NodeView, demand: Demand): readonly UnusedCores[] {
  const record = parts.registry.onNode(view.node);
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

interface Kind extends ResourceRequest {
  readonly expectedMs: number;
}

/** The kinds of waiting work, looked up once for all nodes. */
class Demand {
  readonly waiting: number;
  private readonly kinds = new Map<string, Kind>();

  constructor({ live, learning }: HoleParts) {
    this.waiting = live.queue.size;
    for (const [head] of live.queue.groupsInOrder()) {
      if (head === undefined || this.kinds.size >= maxKinds) break;
      const { cores, memoryMb, gpus } = head;
      const expectedMs = learning.expectedMs(head);
      const kind = { cores, memoryMb, gpus, expectedMs };
      this.kinds.set(Object.values(kind).join("/"), kind);
    }
  }

  /**
   * Whether placement would put any of it there, considering what is free and when it would end.
   */
  fits({ free, outlook }: ExecutorRecord, vacateMs: number): boolean {
    const leftMs = outlook.endsAtMs === null ? null : outlook.endsAtMs - nowMs() - vacateMs;
    const isInTime = ({ expectedMs }: Kind) => leftMs === null || expectedMs <= leftMs;
    return [...this.kinds.values()].some((kind) => fits(kind, free) && isInTime(kind));
  }
}
