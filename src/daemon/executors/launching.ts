// Starts executors on nodes, and waits ever longer where starts fail.

import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import type { Config } from "../../config.js";
import type { Launcher, LaunchSize } from "../../core/ports/launcher.js";
import type { Store } from "../../core/ports/store.js";
import { messageOf } from "../../model/errors.js";
import { executorId, type NodeName } from "../../model/ids.js";
import type { Node } from "../../model/slurm/node.js";
import type { ClusterFacts } from "../../model/slurm/snapshot.js";
import type { BudgetOrder, LaunchSpec, PluginOrder, SiteFacts } from "../../wire/messages.js";
import type { Secrets } from "../auth/tokens.js";
import { ExecutorRecord, type Registry } from "../state/registry.js";

/** The first pause after a failed start, doubled with each further one. */
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
/** Slurm 25.05 stopped to write hwloc_topo_whole.xml. */
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
  readonly store: Store;
  /** PEM, for executors; undefined: their connections are not encrypted. */
  readonly daemonCa?: string | undefined;
  readonly secrets: Secrets;
  readonly newName: () => string;
  readonly log: Logger;
  readonly startMs: number;
  /** Starts the clock of an executor that should connect; see Executors.expect. */
  readonly expect: (record: ExecutorRecord, withinMs: number) => void;
  readonly gone: (record: ExecutorRecord, reason: string) => Promise<void>;
}

export class Launching {
  readonly failing = new Map<NodeName, Failure>();

  constructor(private readonly deps: LaunchingDependencies) {}

  /** Starts an executor for a hole. A node whose last executor is still being settled is left to the next plan. */
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

  /** Recorded first: a daemon that restarts must know of every executor that may hold a hole. */
  private async launch(record: ExecutorRecord, spec: LaunchSpec, size?: LaunchSize): Promise<void> {
    const { store, launcher, log, gone, expect, startMs } = this.deps;
    const { id, node, address } = record;
    try {
      await store.saveExecutor(record.toRow(null));
      // Given up before it was begun.
      if (record.state === "gone") return;
      await launcher.launch(node, address, id, `${JSON.stringify(spec)}\n`, size);
      log.info({ executor: id, node, budget: spec.budget.budget }, "executor launched");
      // It may be ready by now. Waiting for its turn among others, some of which are dead, was none of its time.
      if (record.state === "requested") expect(record, startMs);
    } catch (cause) {
      this.failed(record, messageOf(cause));
      await gone(record, messageOf(cause));
    }
  }

  /** The next start on this node waits. */
  failed(record: ExecutorRecord, detail: string): void {
    const count = (this.failing.get(record.node)?.count ?? 0) + 1;
    const pause = Math.min(firstPauseMs * 2 ** Math.min(count - 1, 10), longestPauseMs);
    this.failing.set(record.node, { detail, retryAtMs: nowMs() + pause, count });
    this.deps.log.warn({ node: record.node, detail, pause }, "an executor could not be started");
  }

  /** It works: the next failure is a first one again. */
  succeeded(record: ExecutorRecord): void {
    this.failing.delete(record.node);
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

/** What bounds the share of a job on this node, whatever its prolog is told. */
export const siteFactsOf = (node: Node, facts: ClusterFacts): SiteFacts => ({
  memoryIsConsumable: facts.memoryIsConsumable,
  maxMemoryPerCoreMb: node.hasGres ? null : facts.maxMemoryPerCoreMb,
  // With --hint=nomultithread and the like a prolog is told of cores, and the job has all their threads.
  maxCpusPerToldCpu: facts.coreSpecIsHidden ? null : node.threadsPerCore,
  jobsArePinned: facts.jobsArePinned,
  totalCores: Math.max(1, node.cores),
});

/** This node's SlurmdSpoolDir, as slurmd reads slurm.conf (man slurm.conf: %n, %h). */
const spoolFolderOf = (
  { name, hostName }: Node,
  { slurmdSpoolDirectory }: ClusterFacts,
): string | null => slurmdSpoolDirectory?.replaceAll("%n", name).replaceAll("%h", hostName) ?? null;

/** Whether slurmd keeps there what it found of the machine's CPUs; what lies there otherwise is of an older release. */
const keepsTopology = ({ version }: Node, { version: controllerVersion }: ClusterFacts): boolean =>
  Number.parseFloat(version ?? controllerVersion) < firstSlurmWithoutTopologyFile;

/** Nothing is launched without a stack: see core/capacity/hook-check.ts. */
function pluginOf({ hook, plugin }: Config["programs"], facts: ClusterFacts): PluginOrder | null {
  if (hook === "prolog" || facts.pluginStack === null) return null;
  return { file: plugin, stack: facts.pluginStack };
}
