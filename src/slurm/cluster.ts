// Implements the Cluster port with Slurm's commands and builds snapshots from their output.

import { randomBytes } from "node:crypto";
import { isOfReservation } from "../core/capacity/reservations.js";
import { whatToCheck } from "../core/explain/slurm-complaints.js";
import type { Cluster } from "../core/ports/cluster.js";
import { GleanerError } from "../model/errors.js";
import type { JobId } from "../model/ids.js";
import type { Job } from "../model/slurm/job.js";
import type { JobShare } from "../model/slurm/job-share.js";
import type { Node } from "../model/slurm/node.js";
import type { ClusterFacts, Partition, Reservation, Snapshot } from "../model/slurm/snapshot.js";
import type { RunProgram } from "../processes/run.js";
import { type CommandResult, runCommand } from "./command.js";
import { readFacts } from "./facts.js";
import { maxUnreadable } from "./fields.js";
import { readJobs, squeueArguments, squeueFormat } from "./jobs.js";
import { readNodes } from "./nodes.js";
import { readPartitions } from "./partitions.js";
import { readReservations } from "./reservations.js";
import { ShareBook } from "./share-book.js";
import { readShares, shareRequests } from "./shares.js";

export interface SlurmClusterOptions {
  /** If null, the default of the Slurm commands applies. */
  readonly slurmConf: string | null;
  /** The folder of squeue and scontrol; if null, they are found in PATH. */
  readonly binDirectory: string | null;
  readonly commandTimeoutMs: number;
  readonly runProgram: RunProgram;
  readonly now: () => number;
  /** Partitions whose exclusive jobs leave the idle rest of their nodes to functions. */
  readonly exclusivePartitions: readonly string[];
}

/**
 * Only administrators change partitions, reservations and the configuration. Other nodes in a
 * reservation than before are a sign of such a change, or that one took effect.
 */
const rareReadIntervalMs = 60_000;

/** RPCs of each command, as sdiag counts them (22.05). */
const rpcsOf = {
  queue: 2,
  nodes: 2,
  partitions: 1,
  reservations: 1,
  config: 2,
  shares: 3,
} as const;
/**
 * For each job, scontrol of 22.05 also reads all nodes; above this number, listing all is cheaper.
 */
const maxAskedSingly = 4;

interface RarelyRead {
  readonly readAtMs: number;
  readonly facts: ClusterFacts;
  readonly partitions: readonly Partition[];
  readonly reservations: readonly Reservation[];
  readonly unreadable: readonly string[];
}

/**
 * Reads a snapshot with two commands (squeue, then scontrol show node), a third if new jobs need
 * their shares read (share-book.ts), and three more once a minute and when other nodes than before
 * are reserved. A call rejects with SLURM if a command fails, hangs or prints something unknown.
 */
export function createSlurmCluster(options: SlurmClusterOptions): Cluster {
  return new SlurmCluster(options);
}

class SlurmCluster implements Cluster {
  private commands = 0;
  private rpcs = 0;
  private rare: RarelyRead | null = null;
  /** The nodes that reservations had in the last snapshot, as one text. */
  private reserved: string | null = null;
  private readonly book = new ShareBook();

  constructor(private readonly options: SlurmClusterOptions) {}

  async readSnapshot(): Promise<Snapshot> {
    const { now } = this.options;
    // The rare reads come first, so that queue and nodes are as fresh as possible.
    await this.readRarely();
    const unreadable: string[] = [];
    // The queue comes before the nodes, whose figures then include a job that starts in between.
    const jobsAskedAtMs = now();
    const jobs = await this.readQueue(unreadable);
    const nodesAskedAtMs = now();
    const nodeOutput = await this.scontrol("nodes", ["-o", "-d", "-a", "show", "node"]);
    const nodesReadAtMs = now();
    const nodes = readNodes(outputOf("scontrol", nodeOutput), unreadable);
    if (this.hasOtherReserved(nodes)) this.rare = null;
    const rare = await this.readRarely();
    const { jobsArePinned } = rare.facts;
    const { exclusivePartitions } = this.options;
    const rules = { jobsArePinned, exclusivePartitions };
    const ask = (asked: readonly Job[]) => this.askShares(asked);
    return {
      facts: rare.facts,
      nodes,
      jobs,
      shares: await this.book.sharesOf(jobs, nodes, rules, ask),
      partitions: rare.partitions,
      reservations: rare.reservations,
      nodesAskedAtMs,
      nodesReadAtMs,
      jobsAskedAtMs,
      unreadable: [...rare.unreadable, ...unreadable].slice(0, maxUnreadable),
    };
  }

  commandCount(): number {
    return this.commands;
  }

  rpcCount(): number {
    return this.rpcs;
  }

  private async readQueue(unreadable: string[]): Promise<Job[]> {
    const mark = `@${randomBytes(9).toString("base64url")}@`;
    const result = await this.run("queue", "squeue", squeueArguments, {
      SLURM_TIME_FORMAT: "%s",
      SQUEUE_FORMAT: squeueFormat(mark),
    });
    return readJobs(outputOf("squeue", result), mark, unreadable);
  }

  /** Ignores the exit status, which also reports ids that slurmctld has forgotten. */
  private async askShares(jobs: readonly Job[]): Promise<ReadonlyMap<JobId, JobShare>> {
    const options = ["-o", "-d", "-a"];
    if (jobs.length > maxAskedSingly) {
      const { stdout } = await this.scontrol("shares", [...options, "show", "job"]);
      return readShares(stdout, jobs);
    }
    this.rpcs += (jobs.length - 1) * rpcsOf.shares;
    const { stdout } = await this.run("shares", "scontrol", options, {}, shareRequests(jobs));
    return readShares(stdout, jobs);
  }

  private async readRarely(): Promise<RarelyRead> {
    const readAtMs = this.options.now();
    if (this.rare !== null && readAtMs - this.rare.readAtMs < rareReadIntervalMs) return this.rare;
    const unreadable: string[] = [];
    const partitionOutput = await this.scontrol("partitions", ["-o", "-a", "show", "partition"]);
    const records = readPartitions(outputOf("scontrol", partitionOutput), unreadable);
    const reservationOutput = await this.run(
      "reservations",
      "scontrol",
      ["-o", "-a", "show", "reservation"],
      { SLURM_TIME_FORMAT: "%s" },
    );
    const config = outputOf("scontrol", await this.scontrol("config", ["show", "config"]));
    this.rare = {
      readAtMs,
      facts: readFacts(
        config,
        records.map((record) => record.memoryLimit),
      ),
      partitions: records.map((record) => record.partition),
      reservations: readReservations(outputOf("scontrol", reservationOutput), unreadable),
      unreadable,
    };
    return this.rare;
  }

  /** Always false for the first snapshot, whose reservations have just been read. */
  private hasOtherReserved(nodes: readonly Node[]): boolean {
    const before = this.reserved;
    this.reserved = nodes
      .filter(({ flags }) => flags.some(isOfReservation))
      .map(({ name, flags }) => `${name} ${flags.filter(isOfReservation).join(" ")}`)
      .join("\n");
    return before !== null && before !== this.reserved;
  }

  /** Uses times in UTC with their zone, since administrators see them in a node's reason. */
  private scontrol(what: keyof typeof rpcsOf, args: readonly string[]): Promise<CommandResult> {
    return this.run(what, "scontrol", args, { SLURM_TIME_FORMAT: "%Y-%m-%dT%H:%M:%SZ" });
  }

  private run(
    what: keyof typeof rpcsOf,
    program: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
    input = "",
  ): Promise<CommandResult> {
    this.commands += 1;
    this.rpcs += rpcsOf[what];
    const { commandTimeoutMs, ...common } = this.options;
    const options = { ...common, timeoutMs: commandTimeoutMs, input };
    return runCommand(program, args, environment, options);
  }
}

/** Returns the standard output of a successful command; throws its complaint otherwise. */
function outputOf(program: string, result: CommandResult): Buffer {
  if (result.exitCode === 0) return result.stdout;
  throw new GleanerError(
    "SLURM",
    `${program} failed with exit status ${result.exitCode} (${result.complaint || "no error message"}): ${whatToCheck(result.complaint)}`,
  );
}
