// A real Slurm cluster on this machine, in its own folder: munged, slurmctld and one slurmd for
// each node.

import { writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { userInfo } from "node:os";
import { GleanerError } from "../../src/model/errors.js";
import { clusterEnvironment, type RunOptions, type RunResult, runCommand } from "./command.js";
import { cgroupConfText, gresConfText, slurmConfText } from "./conf.js";
import { type ClusterFolder, createFolder } from "./folder.js";
import { accepts, type ClusterHosts } from "./hosts.js";
import { claimPorts, isListenedOn, MAX_NODES, type PortBlock } from "./ports.js";
import {
  assertAlive,
  type Daemon,
  pidOf,
  quoteLog,
  startDaemon,
  terminate,
} from "./processes/daemon.js";
import { stopCluster } from "./processes/stop.js";
import { startWatchdog, type Watchdog } from "./processes/watchdog.js";
import { slurmVersion } from "./programs.js";
import { until } from "./until.js";

export { ensureInstalled, ensureSlurmInstalled } from "./programs.js";

/** Eight nodes are up in 4 s on an idle machine; a busy one may take ten times that. */
const START_DEADLINE_MS = 60_000;

export interface ClusterOptions {
  /**
   * The cluster's own folder, created if missing; holds everything. At most about 70 characters.
   */
  dir: string;
  /** Number of nodes, named n1, n2, …; at most 98. */
  nodes: number;
  /** Hosts of these nodes; null or none if all nodes are this machine. */
  hosts?: ClusterHosts | null;
  /** CPUs of each node; default 16, may exceed the machine's. */
  cpus?: number;
  /** Memory of each node; default 32000. */
  memoryMb?: number;
  /** Declared GPUs of each node, with indices but without hardware; default 0. */
  gpusPerNode?: number;
  /** What Slurm calls them, in equal parts; default no type. */
  gpuTypes?: readonly string[];
  /** Shards of each node's GPUs; default 0 for no shards. */
  shardsPerNode?: number;
  /** Further generic resources of each node, which Slurm only counts; default none. */
  countedGres?: Readonly<Record<string, number>>;
  /** If more than 1, each node is one socket of cores with this many CPUs each; default 1. */
  threadsPerCore?: number;
  /** Full paths of the programs that slurmd runs before and after each job. */
  prolog?: string;
  epilog?: string;
  /** Further lines of slurm.conf; they replace the cluster's own lines with the same names. */
  slurmConfLines?: string[];
  /** Replaces the single partition "batch" of all nodes. */
  partitionLines?: string[];
}

/** Pids of the running daemons. */
export interface ClusterPids {
  munged: number | undefined;
  slurmctld: number | undefined;
  /** By node name. */
  slurmd: Record<string, number>;
}

/**
 * Starts a cluster and returns once all its nodes are idle. It ends with `stop()`, or with this
 * process unless `keep()` was called. Throws a GleanerError that quotes a log if something does not
 * start; then nothing is left.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  if (!Number.isInteger(options.nodes) || options.nodes < 1 || options.nodes > MAX_NODES) {
    throw new GleanerError(
      "BAD_REQUEST",
      `A cluster has 1 to ${MAX_NODES} nodes, not ${options.nodes}.`,
    );
  }
  const nodeNames = Array.from({ length: options.nodes }, (_, index) => `n${index + 1}`);
  const ports = await claimPorts(options.nodes);
  try {
    const folder = createFolder(options.dir, nodeNames, options.gpusPerNode ?? 0);
    const cluster = new Cluster(folder, nodeNames, ports, options.hosts ?? null);
    try {
      writeConf(folder, ports, options);
      await cluster.start();
      return cluster;
    } catch (thrown) {
      await cluster.stop();
      throw thrown;
    }
  } catch (thrown) {
    ports.release();
    throw thrown;
  }
}

function writeConf(folder: ClusterFolder, ports: PortBlock, options: ClusterOptions): void {
  const input = {
    folder,
    daemonUser: userInfo().username,
    slurmctldPort: ports.slurmctldPort,
    firstSlurmdPort: ports.firstSlurmdPort,
    nodes: options.nodes,
    cpus: options.cpus ?? 16,
    memoryMb: options.memoryMb ?? 32_000,
    gpusPerNode: options.gpusPerNode ?? 0,
    gpuTypes: options.gpuTypes ?? [],
    shardsPerNode: options.shardsPerNode ?? 0,
    countedGres: options.countedGres ?? {},
    threadsPerCore: options.threadsPerCore ?? 1,
    hosts: options.hosts ?? null,
    prolog: options.prolog,
    epilog: options.epilog,
    slurmConfLines: options.slurmConfLines ?? [],
    partitionLines: options.partitionLines ?? [
      "PartitionName=batch Nodes=ALL Default=YES MaxTime=INFINITE State=UP",
    ],
  };
  writeFileSync(folder.slurmConf, slurmConfText(input), { mode: 0o644 });
  writeFileSync(folder.cgroupConf, cgroupConfText(slurmVersion()), { mode: 0o644 });
  const gresConf = gresConfText(input);
  if (gresConf !== null) writeFileSync(folder.gresConf, gresConf, { mode: 0o644 });
}

export class Cluster {
  /** The folder, without symbolic links. */
  readonly dir: string;
  readonly slurmConf: string;
  readonly mungeSocket: string;
  /** For programs that use the cluster: our environment, without settings for another cluster. */
  readonly env: NodeJS.ProcessEnv;
  private readonly watchdog: Watchdog;
  private munged: Daemon | undefined;
  private slurmctld: Daemon | undefined;
  private readonly slurmds = new Map<string, Daemon>();

  constructor(
    private readonly folder: ClusterFolder,
    readonly nodeNames: readonly string[],
    private readonly ports: PortBlock,
    private readonly hosts: ClusterHosts | null,
  ) {
    this.dir = folder.dir;
    this.slurmConf = folder.slurmConf;
    this.mungeSocket = folder.mungeSocket;
    this.env = clusterEnvironment(folder);
    this.watchdog = startWatchdog(folder);
  }

  /** Used by startCluster: starts all daemons and waits for them. */
  async start(): Promise<void> {
    await this.startMunged();
    await this.startSlurmctld();
    await Promise.all([...this.nodeNames.map((name) => this.startNode(name)), this.watchdog.ready]);
  }

  /**
   * Runs a program, such as ("sbatch", ["--wrap=hostname"]), in DIR/work, where all users may
   * write.
   */
  run(program: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
    return runCommand(program, args, { ...options, cwd: this.folder.work, env: this.env });
  }

  pids(): ClusterPids {
    const slurmd: Record<string, number> = {};
    for (const [name, daemon] of this.slurmds) {
      const pid = pidOf(daemon);
      if (pid !== undefined) slurmd[name] = pid;
    }
    return { munged: pidOf(this.munged), slurmctld: pidOf(this.slurmctld), slurmd };
  }

  /** Stops slurmctld in order, so that it saves its state; nodes and jobs continue. */
  async stopSlurmctld(): Promise<void> {
    if (this.slurmctld) await terminate(this.slurmctld);
    this.slurmctld = undefined;
  }

  /** Starts slurmctld with the state it saved, and waits until it answers. */
  async startSlurmctld(): Promise<void> {
    const slurmctld = this.startDaemon("slurmctld", "slurmctld", ["-D", "-f", this.slurmConf]);
    this.slurmctld = slurmctld;
    await this.awaitDaemon(slurmctld, async () => {
      if (!isListenedOn(this.ports.slurmctldPort)) return "it does not listen";
      const { stdout, exitCode } = await this.run("scontrol", ["ping"]);
      return exitCode === 0 ? undefined : stdout.trim();
    });
  }

  /** Stops the node's slurmd; its running jobs continue. */
  async stopNode(name: string): Promise<void> {
    const slurmd = this.slurmds.get(name);
    if (slurmd) await terminate(slurmd);
    this.slurmds.delete(name);
  }

  /** Starts the node's slurmd; waits until it listens and sinfo's `%T %E` of the node is `up`. */
  async startNode(name: string, up = /^(idle|mixed|allocated) /): Promise<void> {
    const port = this.ports.firstSlurmdPort + this.nodeNames.indexOf(name);
    const { address, enter } = this.hosts?.nodes[name] ?? { address: "127.0.0.1", enter: [] };
    const [program, ...args] = [...enter, "slurmd", "-D", "-N", name, "-f", this.slurmConf];
    const slurmd = this.startDaemon(name, program!, args);
    this.slurmds.set(name, slurmd);
    await this.awaitDaemon(slurmd, async () => {
      if (!(await accepts(port, address))) return "it does not listen";
      const { stdout } = await this.run("sinfo", ["-h", "-N", "-n", name, "-o", "%T %E"]);
      return up.test(stdout) ? undefined : stdout.trim();
    });
  }

  /** Lets the cluster outlive this process; `main.ts stop --dir DIR` or stop() ends it later. */
  async keep(): Promise<void> {
    await this.watchdog.dismiss("keep");
  }

  /**
   * Ends all daemons and all processes of jobs, waits until they are gone, and removes the folder.
   */
  async stop(): Promise<void> {
    await stopCluster(this.folder);
    const daemons = [this.munged, this.slurmctld, ...this.slurmds.values()];
    // also notices their end
    await Promise.all(daemons.map((daemon) => daemon && terminate(daemon)));
    await this.watchdog.dismiss("stop");
    this.ports.release();
  }

  protected async startMunged(): Promise<void> {
    const { mungeKey, mungeSocket, munge } = this.folder;
    const munged = this.startDaemon("munged", "munged", [
      "--foreground",
      "--force", // parent folders may be writable for a group
      `--key-file=${mungeKey}`,
      `--socket=${mungeSocket}`,
      `--pid-file=${munge}/pid`,
      `--seed-file=${munge}/seed`,
      `--log-file=${this.folder.log("munged")}`,
    ]);
    this.munged = munged;
    await this.awaitDaemon(munged, async () =>
      (await answers(mungeSocket)) ? undefined : "its socket does not answer",
    );
  }

  private startDaemon(name: string, program: string, args: string[]): Daemon {
    const logPath = this.folder.log(name);
    return startDaemon({ name, program, args, logPath, slurmConf: this.slurmConf });
  }

  /** Waits until `whatIsMissing` reports nothing missing. */
  private async awaitDaemon(
    daemon: Daemon,
    whatIsMissing: () => Promise<string | undefined>,
  ): Promise<void> {
    let missing: string | undefined;
    await until(
      START_DEADLINE_MS,
      async () => {
        assertAlive(daemon);
        missing = await whatIsMissing();
        return missing === undefined ? true : undefined;
      },
      () =>
        new GleanerError(
          "SLURM",
          `${daemon.name} is not ready ${START_DEADLINE_MS / 1000} s after its start: ${missing}.${quoteLog(daemon)}`,
        ),
    );
  }
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(socketPath);
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}
