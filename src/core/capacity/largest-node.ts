// The most that one invocation could ever get at this site.

import { countsOf, nothing, type ResourceRequest } from "../../model/resources.js";
import type { Node } from "../../model/slurm/node.js";
import type { ClusterFacts, Snapshot } from "../../model/slurm/snapshot.js";
import { pilotBudget } from "./pilots.js";

/**
 * The largest amount of each resource on any node: no larger request will ever start. Pilots offer
 * less than their nodes have.
 */
export function largestNodeOf(
  { nodes, facts }: Pick<Snapshot, "nodes" | "facts">,
  memoryMarginMb: number,
  inPilots: boolean,
): ResourceRequest {
  const all = mostOnEach({ nodes, facts }, memoryMarginMb, inPilots);
  return {
    cores: Math.max(0, ...all.map(({ cores }) => cores)),
    memoryMb: Math.max(0, ...all.map(({ memoryMb }) => memoryMb)),
    gpus: Math.max(0, ...all.map(({ gpus }) => gpus)),
  };
}

/**
 * All memory of the smallest node that has these cores and GPUs, so that every larger one will do;
 * null if there is none.
 */
export function wholeMemoryMbOf(
  snapshot: Pick<Snapshot, "nodes" | "facts"> | null,
  memoryMarginMb: number,
  inPilots: boolean,
  { cores, gpus }: Pick<ResourceRequest, "cores" | "gpus">,
): number | null {
  if (snapshot === null) return null;
  const fitting = mostOnEach(snapshot, memoryMarginMb, inPilots).filter(
    (most) => most.cores >= cores && most.gpus >= gpus && most.memoryMb > 0,
  );
  return fitting.length === 0 ? null : Math.min(...fitting.map(({ memoryMb }) => memoryMb));
}

const mostOnEach = (
  { nodes, facts }: Pick<Snapshot, "nodes" | "facts">,
  memoryMarginMb: number,
  inPilots: boolean,
): readonly ResourceRequest[] =>
  nodes.map((node) =>
    inPilots ? mostInPilot(node, memoryMarginMb, facts) : mostBesideJobs(node, memoryMarginMb),
  );

const mostBesideJobs = (
  { cores, memoryMb, gpuCount }: Node,
  memoryMarginMb: number,
): ResourceRequest => ({ cores, memoryMb: memoryMb - memoryMarginMb, gpus: gpuCount });

function mostInPilot(node: Node, memoryMarginMb: number, facts: ClusterFacts): ResourceRequest {
  const whole = { cores: node.cores, memoryMb: node.memoryMb - memoryMarginMb, gpus: [] };
  return countsOf(pilotBudget(whole, memoryMarginMb, facts.maxMemoryPerCoreMb) ?? nothing);
}
