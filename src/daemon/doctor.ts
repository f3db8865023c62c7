// glean doctor: checks everything on which safety and results depend.

import { nowMs } from "../clock.js";
import type { Config } from "../config.js";
import { hookProblemOf } from "../core/capacity/hook-check.js";
import { describeUnkillable } from "../core/explain/unkillable.js";
import { describeReason } from "../core/explain/waiting.js";
import type { Store } from "../core/ports/store.js";
import { counted } from "../model/counted.js";
import type { Node } from "../model/slurm/node.js";
import type { ClusterFacts } from "../model/slurm/snapshot.js";
import type { DoctorAnswer, DoctorCheck } from "../wire/api/types.js";
import { checkEncryption } from "./auth/tls.js";
import { checkFunctionUsers, checkNames, type Directories } from "./auth/users-check.js";
import type { Capacity } from "./capacity/capacity.js";
import { checkFederation, checkSalloc } from "./capacity/doctor-checks.js";
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
  readonly accounts: Directories;
  readonly reserve: Pick<DiskReserve, "problem">;
  readonly drains: Pick<Drains, "distrusted">;
  /** null if executors are not jobs. */
  readonly pilots: Pilots | null;
}

/** The oldest release on which the parsers were tested. */
const oldestSlurm = 22.05;

/** Further nodes of one kind are only counted. */
const maxShownNodes = 5;

/** Every check answers; a failed one says what to do. */
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
    ...(await checkNames(deps.accounts, deps.config.access)),
    ...checkFederation(deps.capacity),
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
      detail: capacity.problem ?? "gleanerd has not read Slurm yet: try again in a few seconds",
    };
  if (capacity.problem !== null)
    return { name, status: "warning", detail: `the last read failed: ${capacity.problem}` };
  const { nodes, facts, unreadable } = capacity.snapshot;
  if (unreadable.length > 0)
    return {
      name,
      status: "warning",
      detail: `${counted(unreadable.length, "line")} could not be read, for example: ${unreadable[0]}`,
    };
  return {
    name,
    status: "ok",
    detail: `cluster ${facts.clusterName}, ${counted(nodes.length, "node")}, read ${capacity.snapshotAgeMs} ms ago`,
  };
}

function checkVersion(capacity: Capacity): DoctorCheck {
  const name = "Slurm version";
  const version = capacity.snapshot?.facts.version ?? "";
  const release = Number.parseFloat(version);
  if (Number.isNaN(release)) return { name, status: "warning", detail: "not yet known" };
  return release >= oldestSlurm
    ? { name, status: "ok", detail: version }
    : {
        name,
        status: "warning",
        detail: `${version} is older than ${oldestSlurm}, the oldest tested release`,
      };
}

/** Whether slurmd has loaded the plugin is checked per node. */
const hookConfigured = {
  prolog: "Prolog, Epilog and PrologFlags=Alloc are set",
  spank: "PrologFlags=Alloc is set; executors look for the plugin in plugstack.conf and in slurmd",
} as const;

function checkHookConfig({ capacity, config }: DoctorDependencies): DoctorCheck {
  const name = "hook in slurm.conf";
  if (capacity.snapshot === null)
    return {
      name,
      status: "failed",
      detail: "gleanerd has not read Slurm yet: try again in a few seconds",
    };
  const problem = hookProblemOf(capacity.snapshot.facts, config.programs);
  return problem === null
    ? { name, status: "ok", detail: hookConfigured[config.programs.hook] }
    : { name, status: "failed", detail: problem };
}

/** The replacement for the hook: without it no pilot is submitted. */
function checkPreemption({ problem }: Pilots): DoctorCheck {
  const name = "preemption of pilots";
  return problem === null
    ? { name, status: "ok", detail: "every other partition on their nodes preempts them at once" }
    : { name, status: "failed", detail: problem };
}

/** The default allows what scripts ask for, not what functions take. */
const longEnoughMs = 3_600_000;

/** Requests for more than a pilot can offer are rejected when they are submitted. */
function checkPilotTime(config: Config): DoctorCheck {
  const name = "time of pilots";
  const { maxTimeLimitMs, longestInPilotMs } = timeLimitsOf(config);
  const most = `${longestInPilotMs} ms (three quarters of placement.pilot.timeLimitMs)`;
  const longestMs = Math.min(maxTimeLimitMs, longEnoughMs);
  return longestInPilotMs === null || longestInPilotMs >= longestMs
    ? { name, status: "ok", detail: `enough for functions of ${longestMs} ms` }
    : {
        name,
        status: "warning",
        detail: `functions that ask for more than ${most} are refused, though functions.maxTimeLimitMs is ${maxTimeLimitMs}: raise the one or lower the other`,
      };
}

function checkMemory(capacity: Capacity): DoctorCheck {
  const name = "memory of jobs";
  const facts = capacity.snapshot?.facts;
  if (facts === undefined)
    return {
      name,
      status: "warning",
      detail: "gleanerd has not read Slurm yet: try again in a few seconds",
    };
  if (!facts.memoryIsConsumable)
    return {
      name,
      status: "warning",
      detail:
        "Slurm does not count memory here (SelectTypeParameters), so functions get only the memory share of their cores: set CR_Core_Memory to show the memory that is really free",
    };
  if (facts.coreSpecIsHidden)
    return {
      name,
      status: "warning",
      detail:
        "jobs may leave cores to the system (AllowSpecResourcesUsage), which Slurm before 23.02 does not report to the prolog, so each job that starts on a node evicts every function there",
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
  return `${bound}; this does not hold ${places}, which have GPUs or other generic resources: each job that starts there evicts every function`;
}

/** Where this fails, glean explain gives each node's reason. */
function checkPinning(capacity: Capacity): DoctorCheck {
  const name = "idle rest of nodes";
  const facts = capacity.snapshot?.facts;
  if (facts === undefined)
    return {
      name,
      status: "warning",
      detail: "gleanerd has not read Slurm yet: try again in a few seconds",
    };
  return {
    name,
    status: "ok",
    detail: facts.jobsArePinned
      ? "used: jobs are pinned to cores (TaskPlugin), so gleanerd asks Slurm for each job's cores"
      : "used: jobs are not pinned to particular cores",
  };
}

/** The nodes for each reason; nothing if no node has GPUs. */
function checkGpus({ capacity, registry, pilots }: DoctorDependencies): DoctorCheck[] {
  const name = "GPUs";
  const problems = gpuProblems(capacity, registry);
  if (problems.length === 0) {
    const hasGpus = capacity.snapshot?.nodes.some(({ gpuCount }) => gpuCount > 0) ?? false;
    if (!hasGpus || pilots !== null) return [];
    return [{ name, status: "ok", detail: "the state of every GPU is known" }];
  }
  const nodesByReason = new Map<string, string[]>();
  for (const { node, reason } of problems)
    nodesByReason.set(reason, [...(nodesByReason.get(reason) ?? []), node]);
  return [...nodesByReason].map(([reason, nodes]) => ({
    name,
    status: "warning",
    detail: `functions get no GPUs of ${someOf(nodes)}: ${reason}`,
  }));
}

/** Nodes that Gleaner avoids because functions cannot be started there. */
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

/** Empty if every node is trusted. */
const checkBelief = (drains: DoctorDependencies["drains"]): DoctorCheck[] =>
  drains.distrusted().map(([node, what]) => ({
    name: `trust in ${node}`,
    status: "failed",
    detail: `its executor reported something impossible (${what}): check who has root access there, then run glean resume ${node}`,
  }));

/** Empty if nothing hangs. */
const checkUnkillable = ({ registry }: DoctorDependencies): DoctorCheck[] =>
  [...registry.unkillable].map(([node, report]) => ({
    name: `unkillable processes on ${node}`,
    status: "warning",
    detail: describeUnkillable(report).join("; "),
  }));

/** A node's hook is known to answer once an executor there has probed it. */
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
      detail: "not probed, because no executor runs there: glean explain says why",
    };
  });
}
