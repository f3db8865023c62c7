// glean doctor: checks everything on which safety and results depend.

import { nowMs } from "../clock.js";
import type { Config } from "../config.js";
import { describeUnkillable } from "../core/explain/unkillable.js";
import { describeReason } from "../core/explain/waiting.js";
import type { Store } from "../core/ports/store.js";
import type { DoctorAnswer, DoctorCheck } from "../wire/api/types.js";
import { checkEncryption } from "./auth/tls.js";
import { checkFunctionUsers, checkNames, type Directories } from "./auth/users-check.js";
import type { Capacity } from "./capacity/capacity.js";
import { gpuProblems } from "./capacity/gpu-problems.js";
import {
  checkFederation,
  checkHookConfig,
  checkMemory,
  checkPinning,
  checkSalloc,
  checkSlurm,
  checkVersion,
} from "./capacity/slurm-checks.js";
import type { Drains } from "./executors/drains.js";
import type { Launching } from "./executors/launching.js";
import type { Pilots } from "./executors/pilots.js";
import { timeLimitsOf } from "./invocations/time-limits.js";
import { checkClock } from "./records/clock-steps.js";
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
          checkHookConfig(deps.capacity, deps.config.programs),
          ...checkSalloc(deps.capacity),
          checkMemory(deps.capacity),
          checkPinning(deps.capacity),
        ]
      : [checkPreemption(deps.pilots), checkFunctionUsers(), checkPilotTime(deps.config)]),
    await checkStore(deps),
    ...checkClock(),
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

/** Nodes that Gleaner avoids because functions cannot be started there, or find no memory. */
const checkSickNodes = ({ capacity }: DoctorDependencies): DoctorCheck[] =>
  (capacity.plan?.unusable ?? []).flatMap(({ node, reason }) =>
    reason.kind === "sick" || reason.kind === "noMemoryLeft"
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
    const why =
      record === undefined ? "no executor runs there" : `executor ${record.id} is ${record.state}`;
    return {
      name,
      status: "warning",
      detail: `not probed, because ${why}: glean explain ${node.name} says more`,
    };
  });
}
