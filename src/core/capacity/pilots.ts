// Pilots are our own jobs in Slurm: separates what they hold from batch jobs' resources, and
// decides their size, length and number.

import { type ExecutorId, executorId, type NodeName } from "../../model/ids.js";
import { fits, type Resources } from "../../model/resources.js";
import { holdsNodes, isSuspended, type Job } from "../../model/slurm/job.js";
import type { Node, NodeBaseState } from "../../model/slurm/node.js";
import type { Snapshot } from "../../model/slurm/snapshot.js";
import type { Waiting, WaitingQueue } from "../placement/queue.js";

/** The part of its job's memory that the executor, a Node process, needs itself. */
export const executorMemoryMb = 128;
/** Slurm counts time limits in minutes. */
export const minuteMs = 60_000;

/** Tells which jobs are pilots of this daemon. */
export interface PilotMark {
  /** The user that gleanerd runs as; other users may choose any job name. */
  readonly user: string;
  readonly partition: string;
  /** Distinguishes this daemon's pilots from those of another one run by the same user. */
  readonly instance: string;
}

export interface Pilot {
  readonly executor: ExecutorId;
  readonly job: Job;
  /** The job's memory request, including the executor's own share. */
  readonly memoryMb: number;
}

/**
 * The job name: all that Slurm can tell us about a pilot, even after the daemon has forgotten it.
 */
export const pilotName = (instance: string, executor: ExecutorId, memoryMb: number): string =>
  `gleaner-${instance}-${memoryMb}-${executor}`;

const nameShape = /^gleaner-([0-9a-f]{8})-(\d{1,9})-([A-Za-z0-9._:-]{1,128})$/;

function readPilot(job: Job, mark: PilotMark): Pilot | null {
  if (job.user !== mark.user || job.partition !== mark.partition) return null;
  const [, instance, memory, executor] = nameShape.exec(job.name) ?? [];
  if (instance !== mark.instance) return null;
  return { executor: executorId(executor!), job, memoryMb: Number(memory) };
}

/**
 * Splits a snapshot into the snapshot without our pilots, and the pilots. The nodes then show what
 * batch jobs leave idle, as they do when executors run outside Slurm's books. A pilot that started
 * between the two reads is in the nodes' figures but not among the jobs that hold nodes: its
 * resources count as taken, like those of any unknown job.
 */
export function withoutPilots(
  snapshot: Snapshot,
  mark: PilotMark,
): { readonly snapshot: Snapshot; readonly pilots: readonly Pilot[] } {
  const pilots: Pilot[] = [];
  const jobs: Job[] = [];
  const held = new Map<NodeName, { cores: number; memoryMb: number }>();
  for (const job of snapshot.jobs) {
    const pilot = readPilot(job, mark);
    if (pilot === null) {
      jobs.push(job);
      continue;
    }
    pilots.push(pilot);
    // Slurm gives the resources of a suspended job to others.
    if (!holdsNodes(job) || isSuspended(job)) continue;
    for (const node of job.nodes) {
      const sum = held.get(node) ?? { cores: 0, memoryMb: 0 };
      held.set(node, { cores: sum.cores + job.cores, memoryMb: sum.memoryMb + pilot.memoryMb });
    }
  }
  const nodes = snapshot.nodes.map((node) => {
    const ours = held.get(node.name);
    return ours === undefined ? node : without(node, ours);
  });
  // Slurm chooses a pilot's cores and binds it to them where it binds jobs.
  const facts = { ...snapshot.facts, jobsArePinned: false };
  return { snapshot: { ...snapshot, facts, jobs, nodes }, pilots };
}

function without(node: Node, ours: { cores: number; memoryMb: number }): Node {
  const allocatedCores = Math.max(0, node.allocatedCores - ours.cores);
  const allocatedMemoryMb = Math.max(0, node.allocatedMemoryMb - ours.memoryMb);
  return {
    ...node,
    allocatedCores,
    allocatedMemoryMb,
    baseState: stateWithout(node, allocatedCores),
  };
}

function stateWithout({ baseState, cores }: Node, allocatedCores: number): NodeBaseState {
  if (baseState !== "MIXED" && baseState !== "ALLOCATED") return baseState;
  if (allocatedCores === 0) return "IDLE";
  return allocatedCores < cores ? "MIXED" : "ALLOCATED";
}

/**
 * The resources that a pilot in this hole may offer; null if the hole is too small. No GPUs,
 * because a job cannot choose their indices.
 */
export function pilotBudget(
  hole: Resources,
  memoryMarginMb: number,
  maxMemoryPerCoreMb: number | null,
): Resources | null {
  // Slurm gives a job that asks for more memory than its cores allow additional cores, which are
  // not idle.
  const idleMb = hole.memoryMb + memoryMarginMb;
  const mostMb = Math.min(idleMb, hole.cores * (maxMemoryPerCoreMb ?? idleMb));
  const memoryMb = Math.min(hole.memoryMb, mostMb - executorMemoryMb);
  return hole.cores > 0 && memoryMb > 0 ? { cores: hole.cores, memoryMb, gpus: [] } : null;
}

/** A time limit in whole minutes that ends before the hole does; 0 if there is none. */
export function pilotMinutes(endsInMs: number | null, timeLimitMs: number): number {
  return Math.floor(Math.min(endsInMs ?? timeLimitMs, timeLimitMs) / minuteMs);
}

/**
 * The longest work given to pilots with this time limit. The rest covers the pilot's start and the
 * rounding of its end in placement.
 */
export const longestWorkMs = (timeLimitMs: number): number => Math.floor((timeLimitMs * 3) / 4);

/**
 * An executor's capacity for work: all of it, the free part, and for how long; if omitted, without
 * end.
 */
export interface Room {
  readonly budget: Resources;
  readonly free: Resources;
  readonly leftMs?: number;
  /** If omitted, no work avoids it. */
  readonly node?: NodeName;
}

/** What decides, besides its size, whether a new pilot would help. */
export interface PilotChoice {
  readonly longestMs: number;
  expectedMs(waiting: Waiting): number;
  /** null if it may start on any node. */
  readonly node: NodeName | null;
  /** Nodes that this work avoids at present. */
  avoidedBy(waiting: Waiting): readonly NodeName[];
}

const anyPilot: PilotChoice = {
  longestMs: Number.POSITIVE_INFINITY,
  expectedMs: () => 0,
  node: null,
  avoidedBy: () => [],
};

/**
 * The number of cores waiting for work that would fit into `budget` and end in time there, and for
 * which no executor, running or starting, has capacity and time. Stops reading a long queue once
 * the answer is certain.
 */
export function unservedCores(
  queue: Pick<WaitingQueue, "groupsInOrder">,
  rooms: readonly Room[],
  budget: Resources,
  choice: Partial<PilotChoice> = {},
): number {
  const { longestMs, expectedMs, node, avoidedBy } = { ...anyPilot, ...choice };
  const freeCores = (all: readonly Room[]) => all.reduce((sum, room) => sum + room.free.cores, 0);
  const supply = freeCores(rooms);
  let demand = 0;
  for (const group of queue.groupsInOrder()) {
    const [head] = group;
    if (head === undefined) continue;
    const neededMs = expectedMs(head);
    const avoided = new Set(avoidedBy(head));
    if (!fits(head, budget) || neededMs > longestMs || (node && avoided.has(node))) continue;
    const suiting = rooms.filter(
      (room) => (room.leftMs ?? neededMs) >= neededMs && !(room.node && avoided.has(room.node)),
    );
    if (!suiting.some((room) => fits(head, room.budget))) return head.cores;
    const groupDemand = group.size * head.cores;
    demand += groupDemand;
    const missing = Math.max(demand - supply, groupDemand - freeCores(suiting));
    if (missing > 0) return missing;
  }
  return 0;
}
