// Starts executors on nodes, with exponential backoff where starts fail.

import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import type { Config } from "../../config.js";
import type { Launcher, LaunchSize } from "../../core/ports/launcher.js";
import type { Store } from "../../core/ports/store.js";
import { messageOf } from "../../model/errors.js";
import { executorId, type NodeName } from "../../model/ids.js";
import type { Node } from "../../model/slurm/node.js";
import type { ClusterFacts } from "../../model/slurm/snapshot.js";
import type { LaunchSpec, PluginOrder } from "../../wire/launch.js";
import type { BudgetOrder, SiteFacts } from "../../wire/messages.js";
import type { Secrets } from "../auth/tokens.js";
import type { Events } from "../state/events.js";
import { ExecutorRecord } from "../state/executor-record.js";
import type { Registry } from "../state/registry.js";

/** The pause after the first failed start, doubled with each further one. */
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
/** Slurm 25.05 stopped writing hwloc_topo_whole.xml. */
const firstSlurmWithoutTopologyFile = 25.05;

interface Failure {
  readonly detail: string;
  readonly retryAtMs: number;
  readonly count: number;
}

export interface LaunchingDependencies {
  readonly config: Config;
  readonly launcher: Launcher;
  readonly registry: Registry;
  readonly events: Events;
  readonly store: Store;
  /** In PEM, for executors; undefined if their connections are not encrypted. */
  readonly daemonCa?: string | undefined;
  readonly secrets: Secrets;
  readonly newName: () => string;
  readonly log: Logger;
  readonly startMs: number;
  /** Starts the time limit within which an executor must connect; see Executors.expect. */
  readonly expect: (record: ExecutorRecord, withinMs: number) => void;
  readonly gone: (record: ExecutorRecord, reason: string) => Promise<void>;
}

/** How many starts one plan may bring about, unless the launcher says otherwise. */
const usualStarts = 64;

export class Launching {
  readonly failing = new Map<NodeName, Failure>();

  constructor(private readonly deps: LaunchingDependencies) {
    deps.events.subscribe(["executorFailed"], ({ executor, detail }) =>
      this.failed(executor, detail),
    );
    // The next failure counts as the first one.
    deps.events.subscribe(["executorReady"], ({ executor }) => this.failing.delete(executor.node));
  }

  /** The most executors that one plan may start. */
  get startsAtOnce(): number {
    return this.deps.launcher.startsAtOnce?.() ?? usualStarts;
  }

  /**
   * Starts an executor for a hole. A node whose last executor is still being settled waits for the
   * next plan.
   */
  start(node: Node, budget: BudgetOrder, facts: ClusterFacts, size?: LaunchSize): void {
    const { registry, launcher } = this.deps;
    if (registry.onNode(node.name) !== undefined) return;
    const id = executorId(`${node.name}.${this.deps.newName()}`);
    const { name, address } = node;
    const record = new ExecutorRecord(id, name, address, nowMs(), launcher.placement);
    record.order(budget.budget);
    registry.add(record);
    void this.launch(record, this.specFor(record, node, budget, facts), size);
  }

  /** Recorded first: a restarted daemon must know of every executor that may hold a hole. */
  private async launch(record: ExecutorRecord, spec: LaunchSpec, size?: LaunchSize): Promise<void> {
    const { store, launcher, log, gone, expect, startMs } = this.deps;
    const { id, node, address } = record;
    try {
      await store.saveExecutor(record.toRow(null));
      // Given up before the launch began.
      if (record.state === "gone") return;
      await launcher.launch(node, address, id, `${JSON.stringify(spec)}\n`, size);
      log.info({ executor: id, node, budget: spec.budget.budget }, "executor launched");
      // It may be ready by now. The wait for its turn among others, some of which are dead, does
      // not count as its time.
      if (record.state === "requested") expect(record, startMs);
    } catch (cause) {
      this.failed(record, messageOf(cause));
      await gone(record, messageOf(cause));
    }
  }

  /** Delays the next start on this node. */
  private failed(record: ExecutorRecord, detail: string): void {
    const count = (this.failing.get(record.node)?.count ?? 0) + 1;
    const pause = Math.min(firstPauseMs * 2 ** Math.min(count - 1, 10), longestPauseMs);
    this.failing.set(record.node, { detail, retryAtMs: nowMs() + pause, count });
    this.deps.log.warn({ node: record.node, detail, pause }, "cannot start an executor");
  }

  private specFor(
    record: ExecutorRecord,
    node: Node,
    budget: BudgetOrder,
    facts: ClusterFacts,
  ): LaunchSpec {
    const { config, secrets, daemonCa } = this.deps;
    return {
      executor: record.id,
      node: node.name,
      daemonHost: config.listen.advertisedHost,
      daemonPort: config.listen.executorPort,
      ...(daemonCa !== undefined && { daemonCa }),
      secret: secrets.ofExecutor(record.id),
      runDirectory: config.runDirectory,
      logFile: `${config.logDirectory}/executor-${node.name}.log`,
      spawnProgram: config.programs.spawn,
      hookProgram: config.programs.prolog,
      cacheFolder: config.functions.cacheDirectory,
      temporaryDirectory: config.functions.temporaryDirectory,
      plugin: pluginOf(config.programs, facts),
      budget,
      ...siteFactsOf(node, facts),
      topologyFolder: keepsTopology(node, facts) ? spoolFolderOf(node, facts) : null,
      spoolFolder: spoolFolderOf(node, facts),
      cpuTotal: node.cpuTotal,
      gpuTotal: node.gpuCount,
      gpuDevices: config.functions.gpuDevices,
      killWaitMs: config.functions.killWaitMs,
      isolation: config.isolation,
      orphanMs: config.executor.orphanMs,
      pressure: config.interference,
      pilot: record.placement === "pilot" ? { idleMs: config.placement.pilot.idleMs } : null,
    };
  }
}

/** The limits of a job's share of this node, whatever its prolog reports. */
export const siteFactsOf = (node: Node, facts: ClusterFacts): SiteFacts => ({
  memoryIsConsumable: facts.memoryIsConsumable,
  maxMemoryPerCoreMb: node.hasGres ? null : facts.maxMemoryPerCoreMb,
  // With --hint=nomultithread and similar options, a prolog receives the number of cores, but the
  // job has all their threads.
  maxCpusPerToldCpu: facts.coreSpecIsHidden ? null : node.threadsPerCore,
  jobsArePinned: facts.jobsArePinned,
  totalCores: Math.max(1, node.cores),
  // SLURM_JOB_GPUS of a prolog names the GPUs of one type only.
  ...(node.gpusDiffer && { gpusAreToldInPart: true }),
});

/** This node's SlurmdSpoolDir, as slurmd expands it (man slurm.conf: %n, %h). */
const spoolFolderOf = (
  { name, hostName }: Node,
  { slurmdSpoolDirectory }: ClusterFacts,
): string | null => slurmdSpoolDirectory?.replaceAll("%n", name).replaceAll("%h", hostName) ?? null;

/**
 * Whether slurmd stores the machine's CPUs there; otherwise a file there is from an older release.
 */
const keepsTopology = ({ version }: Node, { version: controllerVersion }: ClusterFacts): boolean =>
  Number.parseFloat(version ?? controllerVersion) < firstSlurmWithoutTopologyFile;

/** Nothing is launched without a plugin stack: see core/capacity/hook-check.ts. */
function pluginOf({ hook, plugin }: Config["programs"], facts: ClusterFacts): PluginOrder | null {
  if (hook === "prolog" || facts.pluginStack === null) return null;
  return { file: plugin, stack: facts.pluginStack };
}
