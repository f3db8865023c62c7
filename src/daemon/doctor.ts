// glean doctor: is everything in place that safety and results rest on?

import { userInfo } from "node:os";
import { nowMs } from "../clock.js";
import type { Config } from "../config.js";
import { hookProblemOf, sallocProblemOf } from "../core/capacity/hook-check.js";
import { describeUnkillable } from "../core/explain/unkillable.js";
import { describeReason } from "../core/explain/waiting.js";
import type { Store } from "../core/ports/store.js";
import type { Node } from "../model/slurm/node.js";
import type { ClusterFacts } from "../model/slurm/snapshot.js";
import type { DoctorAnswer, DoctorCheck } from "../wire/api/types.js";
import { checkEncryption } from "./auth/tls.js";
import type { Capacity } from "./capacity/capacity.js";
import { gpuProblems } from "./capacity/gpu-problems.js";
import type { Drains } from "./executors/drains.js";
import type { Launching } from "./executors/launching.js";
import type { Pilots } from "./executors/pilots.js";
import { timeLimitsOf } from "./invocations/time-limits.js";
import type { DiskReserve } from "./records/disk-reserve.js";
import { checkStore } from "./records/store-check.js";
import type { Registry } from "./state/registry.js";

export interface DoctorDependencies {
  readonly config: Config;
  readonly version: string;
  readonly capacity: Capacity;
  readonly registry: Registry;
  readonly launching: Launching;
  readonly store: Store;
  readonly reserve: Pick<DiskReserve, "problem">;
  readonly drains: Pick<Drains, "distrusted">;
  /** null: executors are no jobs. */
  readonly pilots: Pilots | null;
}

/** The oldest release that the parsers were tested on. */
const oldestSlurm = 22.05;

/** More of one kind are counted. */
const maxShownNodes = 5;

/** Every check answers; one that fails says what to do. */
export async function examine(deps: DoctorDependencies): Promise<DoctorAnswer> {
  const checks = [
    { name: "gleanerd", status: "ok", detail: `version ${deps.version}` } as const,
    checkSlurm(deps.capacity),
    checkVersion(deps.capacity),
    ...(deps.pilots === null
      ? [
          checkHookConfig(deps),
          ...checkSalloc(deps.capacity),
          checkMemory(deps.capacity),
          checkPinning(deps.capacity),
        ]
      : [checkPreemption(deps.pilots), checkFunctionUsers(), checkPilotTime(deps.config)]),
    await checkStore(deps),
    checkEncryption(deps.config.listen.tls, nowMs()),
    ...checkGpus(deps),
    ...checkBelief(deps.drains),
    ...checkSickNodes(deps),
    ...checkUnkillable(deps),
    ...checkNodes(deps),
  ];
  return { checks };
}

function checkSlurm(capacity: Capacity): DoctorCheck {
  const name = "slurmctld";
  if (capacity.snapshot === null || capacity.stale)
    return {
      name,
      status: "failed",
      detail: capacity.problem ?? "it was not read yet: wait a few seconds and ask again",
    };
  if (capacity.problem !== null)
    return { name, status: "warning", detail: `the last read failed: ${capacity.problem}` };
  const { nodes, facts, unreadable } = capacity.snapshot;
  if (unreadable.length > 0)
    return {
      name,
      status: "warning",
      detail: `${unreadable.length} lines could not be read, such as: ${unreadable[0]}`,
    };
  return {
    name,
    status: "ok",
    detail: `cluster ${facts.clusterName}, ${nodes.length} nodes, read ${capacity.snapshotAgeMs} ms ago`,
  };
}

function checkVersion(capacity: Capacity): DoctorCheck {
  const name = "Slurm version";
  const version = capacity.snapshot?.facts.version ?? "";
  const release = Number.parseFloat(version);
  if (Number.isNaN(release)) return { name, status: "warning", detail: "not known yet" };
  return release >= oldestSlurm
    ? { name, status: "ok", detail: version }
    : {
        name,
        status: "warning",
        detail: `${version} is older than ${oldestSlurm}, the oldest tested`,
      };
}

/** That slurmd loads the plugin is for each node's own check. */
const hookConfigured = {
  prolog: "Prolog, Epilog and PrologFlags=Alloc are set",
  spank: "PrologFlags=Alloc is set; executors look for the plugin in plugstack.conf and in slurmd",
} as const;

function checkHookConfig({ capacity, config }: DoctorDependencies): DoctorCheck {
  const name = "hook in slurm.conf";
  if (capacity.snapshot === null)
    return { name, status: "failed", detail: "Slurm was not read yet" };
  const problem = hookProblemOf(capacity.snapshot.facts, config.programs);
  return problem === null
    ? { name, status: "ok", detail: hookConfigured[config.programs.hook] }
    : { name, status: "failed", detail: problem };
}

/** What the hook costs batch jobs before it is even asked. */
function checkSalloc({ snapshot }: Capacity): DoctorCheck[] {
  const detail = snapshot === null ? null : sallocProblemOf(snapshot.facts);
  return detail === null ? [] : [{ name: "start of salloc", status: "warning", detail }];
}

/** What stands in for the hook: without it no pilot is submitted. */
function checkPreemption({ problem }: Pilots): DoctorCheck {
  const name = "preemption of pilots";
  return problem === null
    ? { name, status: "ok", detail: "every other partition of their nodes preempts them, at once" }
    : { name, status: "failed", detail: problem };
}

function checkFunctionUsers(): DoctorCheck {
  const name = "users of functions";
  const { uid, username } = userInfo();
  const detail =
    uid === 0
      ? "all users': gleanerd and its pilots run as root"
      : `those of ${username} alone, as whom gleanerd and its pilots run`;
  return { name, status: "ok", detail };
}

/** What asks for more than a pilot can give is refused when it is submitted. */
function checkPilotTime(config: Config): DoctorCheck {
  const name = "time of pilots";
  const { maxTimeLimitMs, longestInPilotMs } = timeLimitsOf(config);
  const most = `${longestInPilotMs} ms (three quarters of placement.pilot.timeLimitMs)`;
  return longestInPilotMs === null || longestInPilotMs >= maxTimeLimitMs
    ? { name, status: "ok", detail: `enough for the longest function, ${maxTimeLimitMs} ms` }
    : {
        name,
        status: "warning",
        detail: `functions that ask for more than ${most} are refused, though functions.maxTimeLimitMs is ${maxTimeLimitMs}: raise the one or lower the other`,
      };
}

function checkMemory(capacity: Capacity): DoctorCheck {
  const name = "memory of jobs";
  const facts = capacity.snapshot?.facts;
  if (facts === undefined) return { name, status: "warning", detail: "Slurm was not read yet" };
  if (!facts.memoryIsConsumable)
    return {
      name,
      status: "warning",
      detail:
        "Slurm does not count memory here (SelectTypeParameters), so functions get only the share of their cores: CR_Core_Memory would tell what is really free",
    };
  if (facts.coreSpecIsHidden)
    return {
      name,
      status: "warning",
      detail:
        "jobs may leave cores to the system (AllowSpecResourcesUsage), which Slurm before 23.02 does not tell a prolog, so each job that starts on a node evicts every function there",
    };
  if (facts.maxMemoryPerCoreMb === null)
    return {
      name,
      status: "warning",
      detail:
        "slurm.conf sets no MaxMemPerCPU, so each job that starts on a node evicts every function there: set it to keep the others running",
    };
  return { name, status: "ok", detail: boundOfMemory(capacity.snapshot!.nodes, facts) };
}

function boundOfMemory(nodes: readonly Node[], { maxMemoryPerCoreMb }: ClusterFacts): string {
  const withGres = nodes.filter(({ hasGres }) => hasGres).length;
  const bound = `a job has at most ${maxMemoryPerCoreMb} MB for each of its CPUs (MaxMemPerCPU), unless it asks for --overcommit`;
  if (withGres === 0) return bound;
  const places =
    withGres === nodes.length ? "on all nodes" : `on ${withGres} of ${nodes.length} nodes`;
  return `${bound}; not so ${places}, which have GPUs or other generic resources: each job that starts there evicts every function`;
}

/** Where that fails on a node, glean explain says why of each. */
function checkPinning(capacity: Capacity): DoctorCheck {
  const name = "idle rest of nodes";
  const facts = capacity.snapshot?.facts;
  if (facts === undefined) return { name, status: "warning", detail: "Slurm was not read yet" };
  return {
    name,
    status: "ok",
    detail: facts.jobsArePinned
      ? "used: jobs are pinned to cores (TaskPlugin), so Slurm is asked which each has"
      : "used, since jobs are not pinned to particular cores",
  };
}

/** Of each reason the nodes; none where no node has GPUs. */
function checkGpus({ capacity, registry, pilots }: DoctorDependencies): DoctorCheck[] {
  const name = "GPUs";
  const problems = gpuProblems(capacity, registry);
  if (problems.length === 0) {
    const hasGpus = capacity.snapshot?.nodes.some(({ gpuCount }) => gpuCount > 0) ?? false;
    if (!hasGpus || pilots !== null) return [];
    return [{ name, status: "ok", detail: "it is known of all which are free" }];
  }
  const nodesByReason = new Map<string, string[]>();
  for (const { node, reason } of problems)
    nodesByReason.set(reason, [...(nodesByReason.get(reason) ?? []), node]);
  return [...nodesByReason].map(([reason, nodes]) => ({
    name,
    status: "warning",
    detail: `functions get none of ${someOf(nodes)}: ${reason}`,
  }));
}

/** Nodes that are left alone, since functions cannot be started there. */
const checkSickNodes = ({ capacity }: DoctorDependencies): DoctorCheck[] =>
  (capacity.plan?.unusable ?? []).flatMap(({ node, reason }) =>
    reason.kind === "sick"
      ? [{ name: `functions on ${node}`, status: "failed", detail: describeReason(reason) }]
      : [],
  );

const someOf = (nodes: readonly string[]): string =>
  nodes.length <= maxShownNodes
    ? nodes.join(", ")
    : `${nodes.slice(0, maxShownNodes).join(", ")} and ${nodes.length - maxShownNodes} more nodes`;

/** Nothing is said where every node is believed. */
const checkBelief = (drains: DoctorDependencies["drains"]): DoctorCheck[] =>
  drains.distrusted().map(([node, what]) => ({
    name: `trust in ${node}`,
    status: "failed",
    detail: `its executor said what cannot be true (${what}): look who has root there, then glean resume ${node}`,
  }));

/** Nothing is said where nothing hangs. */
const checkUnkillable = ({ registry }: DoctorDependencies): DoctorCheck[] =>
  [...registry.unkillable].map(([node, report]) => ({
    name: `unkillable processes on ${node}`,
    status: "warning",
    detail: describeUnkillable(report).join("; "),
  }));

/** The hook of a node is known to answer once an executor there has asked it. */
function checkNodes({ capacity, registry, launching, pilots }: DoctorDependencies): DoctorCheck[] {
  if (pilots !== null)
    return [...launching.failing].map(([node, { detail }]) => ({
      name: `pilot on ${node}`,
      status: "failed",
      detail,
    }));
  return (capacity.snapshot?.nodes ?? []).map((node) => {
    const name = `hook on ${node.name}`;
    const record = registry.onNode(node.name);
    const failure = launching.failing.get(node.name);
    if (record?.takesWork)
      return {
        name,
        status: "ok",
        detail: `it answered executor ${record.id} (${record.containment})`,
      };
    if (failure !== undefined) return { name, status: "failed", detail: failure.detail };
    return {
      name,
      status: "warning",
      detail: "no executor is there now, so it was not asked: glean explain says why",
    };
  });
}
