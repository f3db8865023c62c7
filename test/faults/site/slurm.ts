// The simulated Slurm: jobs that come, run and leave, slurmctld's answers, and the port through
// which the daemon asks.

import type { Cluster } from "../../../src/core/ports/cluster.js";
import { GleanerError } from "../../../src/model/errors.js";
import { type JobId, jobId, type NodeName } from "../../../src/model/ids.js";
import type { Job } from "../../../src/model/slurm/job.js";
import type { Node } from "../../../src/model/slurm/node.js";
import type { ClusterFacts, Partition } from "../../../src/model/slurm/snapshot.js";
import type { Process } from "../timeline.js";
import type { Share, SimulatedNode } from "./node.js";
import type { World } from "./world.js";

const clusterName = "simulated";
export const programs = { prolog: "/simulated/prolog", epilog: "/simulated/epilog" } as const;
/** slurmctld gives up on a node that does not answer. */
const commandTimeoutMs = 10_000;

interface BatchJob {
  readonly id: JobId;
  readonly shares: ReadonlyMap<NodeName, Share>;
  state: "PENDING" | "RUNNING" | "COMPLETING";
  startAtMs: number;
  readonly limitMs: number;
  /** Where its prolog runs; slurmd runs no epilog beside it. */
  readonly inProlog: Set<NodeName>;
}

export class Slurm {
  readonly jobs = new Map<JobId, BatchJob>();
  /** Nodes that an administrator drained, or that slurmctld holds to be down. */
  readonly flags = new Map<NodeName, string>();
  private lastJob = 0;
  /** Hears of a job's end on a node without an executor. */
  onWake: (node: NodeName, job: JobId) => void = () => {};

  constructor(private readonly world: World) {}

  private heldOn(node: NodeName): Share {
    let cores = 0;
    let memoryMb = 0;
    for (const { state, shares } of this.jobs.values()) {
      const share = state === "PENDING" ? undefined : shares.get(node);
      cores += share?.cores ?? 0;
      memoryMb += share?.memoryMb ?? 0;
    }
    return { cores, memoryMb };
  }

  private couldGive(node: SimulatedNode): Share {
    const held = this.heldOn(node.name);
    return { cores: node.cores - held.cores, memoryMb: node.memoryMb - held.memoryMb };
  }

  /** A job arrives; it has its nodes at once, or when they are planned to be free. */
  submit(): void {
    const { chance, nodes } = this.world;
    const wanted = chance.weighted([
      [3, 1],
      [1, 2],
      [0.3, nodes.length],
    ]);
    const usable = nodes.filter((node) => node.isUp && !this.flags.has(node.name));
    const shares = new Map<NodeName, Share>();
    for (const node of usable) {
      if (shares.size === wanted) break;
      const free = this.couldGive(node);
      if (free.cores < 1 || chance.happens(0.3)) continue;
      const cores = chance.happens(0.3) ? free.cores : chance.whole(1, free.cores);
      shares.set(node.name, { cores, memoryMb: this.memoryFor(cores, free.memoryMb) });
    }
    if (shares.size === 0) return;
    const id = jobId(++this.lastJob);
    const inMs = chance.happens(0.25) ? chance.ms(500, 20_000) : 0;
    const job: BatchJob = {
      id,
      shares,
      state: "PENDING",
      startAtMs: this.world.nowMs + inMs,
      limitMs: chance.whole(1_000, 60_000),
      inProlog: new Set(),
    };
    this.jobs.set(id, job);
    this.world.after(inMs, () => this.start(job));
  }

  /** Some want all there is, where the site bounds nobody. */
  private memoryFor(cores: number, freeMb: number): number {
    const { chance, memoryIsConsumable, maxMemoryPerCoreMb } = this.world;
    if (!memoryIsConsumable) return 0;
    const wantsAll = maxMemoryPerCoreMb === null && chance.happens(0.2);
    return wantsAll ? freeMb : Math.min(freeMb, chance.whole(100, 1_000) * cores);
  }

  /** The planned moment has come; where the nodes are not free the job gives up. */
  private start(job: BatchJob): void {
    const { world } = this;
    if (this.jobs.get(job.id) !== job) return;
    const isFree = [...job.shares].every(([name, share]) => {
      const node = world.node(name);
      const free = this.couldGive(node);
      const fits = share.cores <= free.cores && share.memoryMb <= free.memoryMb;
      return fits && node.isUp && !this.flags.has(name);
    });
    if (!isFree) {
      this.jobs.delete(job.id);
      return;
    }
    job.state = "RUNNING";
    job.startAtMs = world.nowMs;
    world.tell(`slurmctld gives job ${job.id} ${said(job.shares)}`);
    const lastsMs = world.chance.weighted([
      [2, world.chance.ms(1, 500)],
      [3, world.chance.ms(500, 15_000)],
      [1, job.limitMs],
    ]);
    let waiting = job.shares.size;
    for (const [name, share] of job.shares)
      world.after(world.chance.ms(0.5, 30), () => {
        const node = world.node(name);
        const isWanted = () => node.isUp && job.state === "RUNNING";
        if (!isWanted()) return;
        job.inProlog.add(name);
        node.prolog(job.id, share, isWanted, () => {
          job.inProlog.delete(name);
          if (--waiting === 0) world.after(lastsMs, () => this.end(job));
        });
      });
  }

  /** Its processes are gone; then the epilogs run, then slurmctld has the nodes back. */
  private end(job: BatchJob): void {
    if (job.state !== "RUNNING" || !this.jobs.has(job.id)) return;
    const { world } = this;
    const { chance } = world;
    job.state = "COMPLETING";
    let waiting = job.shares.size;
    const free = () => {
      if (--waiting > 0) return;
      world.after(chance.ms(0.5, 20), () => this.free(job));
    };
    for (const name of job.shares.keys()) {
      const node = world.node(name);
      node.jobs.delete(job.id);
      world.tell(`${name}: job ${job.id} has ended`);
      // slurmd may be gone before its epilog ran; slurmctld has the node back all the same.
      if (!node.isUp || chance.happens(0.05)) world.after(1_000, free);
      else this.epilog(job, node, free);
    }
  }

  private epilog(job: BatchJob, node: SimulatedNode, over: () => void): void {
    const { world } = this;
    world.after(world.chance.ms(0.5, 20), () => {
      if (job.inProlog.has(node.name)) {
        this.epilog(job, node, over);
        return;
      }
      node.epilog(job.id, (told) => {
        if (!told && world.chance.happens(0.9)) this.onWake(node.name, job.id);
        over();
      });
    });
  }

  private free(job: BatchJob): void {
    if (this.jobs.get(job.id) !== job) return;
    this.jobs.delete(job.id);
    this.world.tell(`slurmctld has the nodes of job ${job.id} back`);
    if (!this.world.chance.happens(0.1)) return;
    // Slurm requeues some: they come again under their old name.
    const again: BatchJob = {
      ...job,
      state: "PENDING",
      startAtMs: this.world.nowMs + 500,
      inProlog: new Set(),
    };
    this.jobs.set(job.id, again);
    this.world.after(this.world.chance.ms(500, 3_000), () => this.start(again));
  }

  /** All jobs end, none is planned any more. */
  endAll(): void {
    for (const job of this.jobs.values())
      if (job.state === "PENDING") this.jobs.delete(job.id);
      else this.end(job);
  }

  /** A node lost power: its jobs have failed, on their other nodes too. */
  lost(name: NodeName): void {
    this.flags.set(name, "DOWN");
    for (const job of this.jobs.values())
      if (job.state !== "PENDING" && job.shares.has(name)) this.end(job);
  }

  portFor(process: Process): Cluster {
    const { world } = this;
    let commands = 0;
    const ask = <T>(capture: () => T): Promise<T> =>
      new Promise((resolve, reject) => {
        const { chance, weather } = world;
        commands++;
        process.act(() => {
          const slow = weather.slurmSlowness;
          if (weather.slurmAnswers === "never" || chance.happens(0.01)) {
            const failed = () => reject(new GleanerError("SLURM", "slurmctld does not answer"));
            world.within(process, chance.pick([5, commandTimeoutMs]), failed);
            return;
          }
          world.after(chance.ms(0.5, 15) * slow, () => {
            const answer = capture();
            world.within(process, chance.ms(0.5, 15) * slow, () => resolve(answer));
          });
        });
      });
    const readSnapshot = async () => {
      world.books.asked(process);
      const jobsAskedAtMs = process.nowMs;
      const jobs = await ask(() => this.showJobs(process));
      const nodesAskedAtMs = process.nowMs;
      const nodes = await ask(() => this.showNodes());
      return {
        facts: this.facts(),
        nodes,
        jobs,
        partitions: [this.partition()],
        reservations: [],
        nodesAskedAtMs,
        shares: new Map(),
        nodesReadAtMs: process.nowMs,
        jobsAskedAtMs,
        unreadable: nodes.length < world.nodes.length ? ["a line that is none"] : [],
      };
    };
    const cluster: Cluster = {
      readSnapshot,
      commandCount: () => commands,
      rpcCount: () => commands,
    };
    return world.sabotage.cluster?.(cluster) ?? cluster;
  }

  private facts(): ClusterFacts {
    const { memoryIsConsumable, maxMemoryPerCoreMb } = this.world;
    return {
      clusterName,
      version: "22.05.8",
      prologs: [programs.prolog],
      epilogs: [programs.epilog],
      prologFlags: ["Alloc"],
      runsPrologs: true,
      pluginStack: null,
      slurmdSpoolDirectory: null,
      jobsArePinned: false,
      memoryIsConsumable,
      preemptType: "preempt/none",
      preemptExemptMs: 0,
      coreSpecIsHidden: false,
      maxMemoryPerCoreMb,
    };
  }

  private partition(): Partition {
    return {
      name: "batch",
      state: "UP",
      nodes: this.world.nodes.map(({ name }) => name),
      isDefault: true,
      maxTimeMs: null,
      overSubscribe: "NO",
      priorityTier: 1,
      preemptMode: "OFF",
      graceMs: 0,
    };
  }

  /**
   * A wrong answer omits lines, or contains unknown states; it never shows allocated resources as
   * free.
   */
  private showNodes(): Node[] {
    const { chance, weather, nodes, memoryIsConsumable } = this.world;
    const isWrong = weather.slurmAnswers === "wrong";
    const shown = isWrong ? nodes.filter(() => chance.happens(0.7)) : nodes;
    return shown.map(({ name, cores, memoryMb }) => {
      const held = this.heldOn(name);
      const excess = isWrong && chance.happens(0.2) ? chance.whole(1, cores) : 0;
      const allocatedCores = held.cores + excess;
      const flag = this.flags.get(name);
      const flags = flag === undefined || flag === "DOWN" ? [] : [flag];
      if ([...this.jobs.values()].some((job) => job.state === "COMPLETING" && job.shares.has(name)))
        flags.push("COMPLETING");
      if (isWrong && chance.happens(0.2)) flags.push(chance.pick(["FROBNICATED", "BLOCKED"]));
      const used = allocatedCores >= cores ? "ALLOCATED" : allocatedCores > 0 ? "MIXED" : "IDLE";
      return {
        name,
        address: name,
        hostName: name,
        baseState: flag === "DOWN" ? "DOWN" : used,
        flags,
        cores,
        allocatedCores,
        memoryMb,
        allocatedMemoryMb: memoryIsConsumable ? held.memoryMb : 0,
        gpuCount: 0,
        untoldGpuCount: null,
        gpuProblem: null,
        features: [],
        gpuType: null,
        gpusDiffer: false,
        temporaryMb: null,
        hasGres: false,
        threadsPerCore: 1,
        cpuTotal: cores,
        specialisedCpuIds: [],
        allocatedGpus: [],
        partitions: ["batch"],
        owner: null,
        mcsLabel: null,
        reason: null,
        version: "22.05.8",
      };
    });
  }

  private showJobs(process: Process): Job[] {
    const { chance, weather } = this.world;
    const isWrong = weather.slurmAnswers === "wrong";
    const toWallMs = (atMs: number) => Math.floor(process.nowMs - this.world.nowMs + atMs);
    return [...this.jobs.values()]
      .filter(() => !isWrong || chance.happens(0.8))
      .map(({ id, shares, state, startAtMs, limitMs }) => ({
        id,
        displayId: String(id),
        name: "batch",
        user: "ada",
        account: "a",
        partition: "batch",
        qos: "normal",
        state,
        cores: [...shares.values()].reduce((sum, { cores }) => sum + cores, 0),
        nodeCount: shares.size,
        nodes: state === "PENDING" ? [] : [...shares.keys()],
        submittedAtMs: toWallMs(startAtMs),
        startAtMs: toWallMs(startAtMs),
        endAtMs: state === "PENDING" ? null : toWallMs(startAtMs + limitMs),
        timeLimitMs: limitMs,
        plannedNodes: state === "PENDING" ? [...shares.keys()] : [],
        reason: "None",
      }));
  }
}

const said = (shares: ReadonlyMap<NodeName, Share>): string =>
  [...shares]
    .map(([node, { cores, memoryMb }]) => `${cores} cores, ${memoryMb} MB of ${node}`)
    .join("; ");
