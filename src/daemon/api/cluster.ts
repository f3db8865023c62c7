// Requests about the cluster: info, explain, utilization, drain and resume, doctor.

import { nowMs } from "../../clock.js";
import { computeUtilization } from "../../core/accounting/utilization.js";
import { explainCall, explainStart } from "../../core/explain/calls.js";
import { describeNoLink, explainNoLink, explainState } from "../../core/explain/state.js";
import { describeUnkillable } from "../../core/explain/unkillable.js";
import {
  describeEnd,
  describeReason,
  describeStale,
  explainWait,
} from "../../core/explain/waiting.js";
import type { Store } from "../../core/ports/store.js";
import { describeWhere } from "../../core/scheduling/where.js";
import { counted } from "../../model/counted.js";
import { GleanerError } from "../../model/errors.js";
import { type NodeName, versionId } from "../../model/ids.js";
import type { Invocation } from "../../model/invocation.js";
import type { Utilization } from "../../model/records/utilization.js";
import type {
  AskedOf,
  DoctorAnswer,
  ExecutorInfo,
  ExplainAnswer,
  InfoAnswer,
  NodeInfo,
  NodeUnkillable,
} from "../../wire/api/types.js";
import type { Capacity } from "../capacity/capacity.js";
import { gpuProblems } from "../capacity/gpu-problems.js";
import type { Drains } from "../executors/drains.js";
import type { Pilots } from "../executors/pilots.js";
import { describeWarm, type WarmViewDependencies } from "../functions/warm-view.js";
import type { StartFailures } from "../invocations/start-failures.js";
import type { StoppedFunctions } from "../invocations/stopped-functions.js";
import type { Learning } from "../records/learning.js";
import type { Recorder } from "../records/recorder.js";
import type { AllowedNodes } from "../scheduling/allowed-nodes.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { LiveInvocations } from "../state/live.js";
import type { Live } from "../state/live-invocation.js";
import type { Registry } from "../state/registry.js";
import { unusedHoles } from "./holes.js";
import { ReusedAnswer } from "./reuse.js";
import type { Handlers } from "./server/register.js";
import { queueReports } from "./server/report-queue.js";
import { theirs } from "./users.js";

export interface ClusterRoutes {
  readonly version: string;
  readonly store: Store;
  readonly capacity: Capacity;
  readonly registry: Registry;
  readonly live: LiveInvocations;
  readonly recorder: Recorder;
  readonly learning: Learning;
  readonly drains: Drains;
  readonly startFailures: Pick<StartFailures, "avoidedBy">;
  readonly allowedNodes: Pick<AllowedNodes, "of">;
  readonly stoppedFunctions: Pick<StoppedFunctions, "whyStopped">;
  readonly keepAlive: WarmViewDependencies["keepAlive"];
  /** null if executors are not jobs. */
  readonly pilots: Pilots | null;
  readonly leases: { isStarting(invocation: Invocation): boolean };
  readonly examine: () => Promise<DoctorAnswer>;
}

const defaultWindowMs = 24 * 3_600_000;

type ClusterHandlers = Pick<
  Handlers,
  "info" | "explain" | "holes" | "utilization" | "prediction" | "drain" | "resume" | "doctor"
>;

export function clusterHandlers(deps: ClusterRoutes): ClusterHandlers {
  const infoAnswer = new ReusedAnswer(() => info(deps));
  const holesAnswer = new ReusedAnswer(() => unusedHoles(deps, null));
  const reports = queueReports();
  return {
    info: async ({ reply }) => infoAnswer.send(reply),
    explain: async ({ caller, params: { what } }) => {
      if (!/^\d+(_\d+)?$/.test(what)) return explainNode(deps, what);
      const invocation = await theirs(deps.store, caller, what, "see");
      const lines = explainInvocation(deps, invocation);
      return { what, lines: [...lines, ...(await explainRun(deps, invocation))] };
    },
    holes: async ({ query: { node }, reply }) =>
      node === undefined ? holesAnswer.send(reply) : unusedHoles(deps, node),
    utilization: ({ caller, query }) => reports.run(caller.uid, () => utilization(deps, query)),
    prediction: async () => deps.learning.report(),
    drain: async ({ caller, body: { nodes, now }, request }) => {
      request.act = { action: "drain", subject: nodes.join(","), detail: now ? "now" : "" };
      return deps.drains.drain(nodes, caller.user, now);
    },
    resume: async ({ body: { nodes }, request }) => {
      request.act = { action: "resume", subject: nodes.join(",") };
      return deps.drains.resume(nodes);
    },
    doctor: () => deps.examine(),
  };
}

/**
 * If no start is given: the last day, or the recorded part of it, so that a young daemon's report
 * is not mostly blank.
 */
async function utilization(
  { recorder, store }: ClusterRoutes,
  window: AskedOf<"utilization", "query">,
): Promise<Utilization> {
  await recorder.flush();
  const toMs = window.toMs ?? nowMs();
  const fromMs = window.fromMs ?? toMs - defaultWindowMs;
  if (fromMs >= toMs)
    throw new GleanerError("BAD_REQUEST", "the report ends before it starts: check -S and -E");
  const input = await store.loadUtilization(fromMs, toMs);
  if (window.fromMs !== undefined) return computeUtilization(input);
  const firstMs = input.nodeSpans.reduce((first, span) => Math.min(first, span.fromMs), toMs);
  return computeUtilization({ ...input, fromMs: Math.max(fromMs, firstMs) });
}

function info(deps: ClusterRoutes): InfoAnswer {
  const { capacity, live, version } = deps;
  return {
    clusterName: capacity.snapshot?.facts.clusterName ?? "",
    version,
    snapshotAgeMs: capacity.snapshotAgeMs,
    stale: capacity.stale,
    slurmProblem: capacity.problem,
    ...capacity.load,
    pending: live.room.size,
    running: live.running,
    nodes: nodeInfos(deps),
  };
}

/** All nodes, or the one with this name. */
function nodeInfos({ capacity, registry, drains }: ClusterRoutes, name?: string): NodeInfo[] {
  const isAsked = (node: string) => name === undefined || node === name;
  const { holes: allHoles = [], unusable: allUnusable = [] } = capacity.plan ?? {};
  const askedFor = <Of extends { readonly node: NodeName }>(all: readonly Of[]) =>
    new Map(all.filter(({ node }) => isAsked(node)).map((each) => [each.node, each]));
  const [holes, unusable] = [askedFor(allHoles), askedFor(allUnusable)];
  const nodes = capacity.snapshot?.nodes.filter((node) => isAsked(node.name)) ?? [];
  return nodes.map((node) => {
    const record = registry.onNode(node.name);
    return {
      node: node.name,
      slurmState: [node.baseState, ...node.flags].join("+"),
      cores: node.cores,
      allocatedCores: node.allocatedCores,
      memoryMb: node.memoryMb,
      allocatedMemoryMb: node.allocatedMemoryMb,
      hole: holes.get(node.name) ?? null,
      unusable: unusable.get(node.name) ?? null,
      executor: record === undefined ? null : executorInfo(record),
      drainedBy: drains.drainedBy(node.name),
      unkillable: unkillableOn(registry, node.name),
    };
  });
}

function unkillableOn({ unkillable }: Registry, node: NodeName): NodeUnkillable | null {
  const report = unkillable.get(node);
  return report === undefined ? null : { ...report, lines: describeUnkillable(report) };
}

const executorInfo = (record: ExecutorRecord): ExecutorInfo => ({
  id: record.id,
  placement: record.placement,
  state: record.state,
  disconnected: record.isDisconnected,
  budget: record.budget,
  usedCores: record.usedCores,
  running: record.attempts.size,
  sinceMs: record.startedAtMs,
});

function explainNode(deps: ClusterRoutes, name: string): ExplainAnswer {
  const { snapshot, problem } = deps.capacity;
  if (snapshot === null)
    return {
      what: name,
      lines: [problem ?? "gleanerd has not read Slurm yet: try again in a moment"],
    };
  const [node] = nodeInfos(deps, name);
  if (node === undefined)
    throw new GleanerError(
      "NOT_FOUND",
      `Slurm lists no node ${name}, and no invocation has that id: check the name with glean info`,
    );
  const lines: string[] = [];
  if (node.executor !== null) {
    const { id, state, disconnected, running, usedCores, budget } = node.executor;
    lines.push(
      ...(disconnected ? [`${describeNoLink(name)}: what follows was so before`] : []),
      `executor ${id} is ${state} and runs ${counted(running, "invocation")} on ${usedCores} of its ${counted(budget.cores, "core")}`,
    );
  }
  const { idleCores, holes } = unusedHoles(deps, name);
  for (const { cores, why } of holes)
    lines.push(
      `${cores} of its ${counted(idleCores, "idle core")} ${cores === 1 ? "is" : "are"} unused: ${why}`,
    );
  for (const each of gpuProblems(deps.capacity, deps.registry))
    if (each.node === name) lines.push(`functions get none of its GPUs: ${each.reason}`);
  lines.push(...(node.unkillable?.lines ?? []));
  if (holes.length === 0 && node.unusable !== null)
    lines.push(`it has no hole: ${describeReason(node.unusable.reason)}`);
  if (deps.capacity.stale)
    lines.push(
      `gleanerd starts and grows no executors, because ${describeStale(deps.capacity.problem)}`,
    );
  if (node.hole !== null) lines.push(describeEnd(node.hole.end, nowMs()));
  lines.push(
    `Slurm has it in state ${node.slurmState} with ${node.allocatedCores} of ${node.cores} cores allocated`,
  );
  return { what: name, lines };
}

/** Nothing for a command: its attempts are one phase. */
async function explainRun(deps: ClusterRoutes, invocation: Invocation) {
  const { leases, store, stoppedFunctions } = deps;
  const command = (await store.submissionOf(invocation.id))?.command;
  if (command?.kind !== "call") return [];
  const ran = explainCall(invocation, await store.listAttempts(invocation.id), nowMs());
  const version = versionId(command.version);
  const kind = { ...invocation, uid: invocation.owner.uid, version };
  const { idleTimeoutMs } = command.settings;
  const starts = leases.isStarting(invocation) ? [explainStart(invocation, nowMs())] : [];
  const lines = [...ran, ...starts, ...describeWarm(deps, kind, { idleTimeoutMs, minWarm: 0 })];
  const stopped = stoppedFunctions.whyStopped(invocation.owner.uid, version);
  if (stopped === null) return lines;
  return [...lines, `${command.function} is stopped until it is deployed again: ${stopped}`];
}

/** Nothing if executors are not jobs, or no hole is open. */
function pilotTimeOf({ pilots, capacity: { plan, snapshot } }: ClusterRoutes) {
  if (pilots === null || plan === null || snapshot === null || plan.holes.length === 0) return {};
  return { pilotTime: pilots.timeFor(plan.holes, snapshot) };
}

/** What a waiting invocation asks for beside a place, and of its node. */
const termsOf = (waiting: Live | undefined) => ({
  barrier: waiting?.isDeferred ? waiting.invocation.reason : null,
  where: waiting?.where && describeWhere(waiting.where),
  gres: waiting?.where?.gres,
});

function explainInvocation(deps: ClusterRoutes, invocation: Invocation): readonly string[] {
  const { live, registry, capacity, drains, learning, startFailures, allowedNodes } = deps;
  const where = { where: live.get(invocation.id)?.where };
  if (invocation.state === "PENDING")
    return explainWait(invocation, {
      executors: registry
        .all()
        .filter((record) => record.takesWork)
        .filter(({ node }) => allowedNodes.of(where)?.has(node) ?? true)
        .map(({ budget, free, outlook: { endsAtMs } }) => ({
          budget,
          free,
          endsInMs: endsAtMs === null ? null : endsAtMs - nowMs(),
        })),
      pilotsComing: registry
        .all()
        .filter(({ placement, state }) => placement === "pilot" && state === "requested").length,
      ...pilotTimeOf(deps),
      expectedMs: learning.expectedMs({
        functionKey: live.get(invocation.id)?.digest.functionKey ?? "",
        timeLimitMs: invocation.timeLimitMs,
        ranMs: live.get(invocation.id)?.ranMs ?? 0,
      }),
      ...termsOf(live.get(invocation.id)),
      pendingAhead: live.queue.countBefore(invocation.id),
      stale: capacity.stale,
      slurmProblem: capacity.problem,
      allDrained: drains.allDrainedBy() !== null,
      gpuProblems: gpuProblems(capacity, registry),
      avoided: startFailures.avoidedBy({
        id: invocation.id,
        functionKey: live.get(invocation.id)?.digest.functionKey ?? "",
      }),
    });
  return [explainState(invocation), ...explainLink(deps, invocation)];
}

/** Nothing if it does not run, or while its executor is connected. */
function explainLink({ live, registry }: ClusterRoutes, { id }: Invocation): string[] {
  const executor = live.assignments.get(id)?.executor;
  const record = executor === undefined ? undefined : registry.get(executor);
  if (record === undefined || record.line !== null) return [];
  return [explainNoLink(record.node, live.get(id)?.digest.lease?.ttlMs ?? null)];
}
