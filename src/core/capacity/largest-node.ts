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
 * What all nodes have that could run it: the cores and the memory of the smallest ones. null if
 * there is none, or if nothing is known.
 */
export function wholeNodeOf(
  snapshot: Pick<Snapshot, "nodes" | "facts"> | null,
  memoryMarginMb: number,
  inPilots: boolean,
  need: ResourceRequest,
): ResourceRequest | null {
  if (snapshot === null) return null;
  const fitting = mostOnEach(snapshot, memoryMarginMb, inPilots).filter(
    ({ cores, memoryMb, gpus }) =>
      cores >= need.cores && gpus >= need.gpus && memoryMb >= Math.max(1, need.memoryMb),
  );
  if (fitting.length === 0) return null;
  return {
    cores: Math.min(...fitting.map(({ cores }) => cores)),
    memoryMb: Math.min(...fitting.map(({ memoryMb }) => memoryMb)),
    gpus: need.gpus,
  };
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
