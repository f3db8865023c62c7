// The text of slurm.conf and gres.conf for a cluster whose nodes all run on this machine.

import type { ClusterFolder } from "./folder.js";
import type { ClusterHosts } from "./hosts.js";

export interface ConfInput {
  folder: ClusterFolder;
  /**
   * The user that the daemons run as; root, unless the cluster is only for that user's own jobs.
   */
  daemonUser: string;
  slurmctldPort: number;
  firstSlurmdPort: number;
  nodes: number;
  cpus: number;
  memoryMb: number;
  gpusPerNode: number;
  shardsPerNode: number;
  threadsPerCore: number;
  prolog?: string | undefined;
  epilog?: string | undefined;
  slurmConfLines: string[];
  partitionLines: string[];
  /** null if all nodes are this machine. */
  hosts: ClusterHosts | null;
}

/** slurm.conf: a line of `slurmConfLines` replaces the default line of the same name. */
export function slurmConfText(input: ConfInput): string {
  const given = new Set(input.slurmConfLines.map(nameOfLine));
  const defaults = [...daemonLines(input), ...schedulingLines(input)];
  return [
    ...defaults.filter((line) => !given.has(nameOfLine(line))),
    ...input.slurmConfLines,
    ...nodeLines(input),
    ...input.partitionLines,
    "",
  ].join("\n");
}

/**
 * gres.conf: every node has the same devices as GPUs. Without device files Slurm counts no GPUs.
 */
export function gresConfText({ folder, nodes, gpusPerNode, shardsPerNode }: ConfInput): string {
  const devices = `${folder.gpus}/gpu[0-${gpusPerNode - 1}]`;
  const node = `NodeName=${nodeRange(nodes)}`;
  const shards = shardsPerNode > 0 ? `${node} Name=shard Count=${shardsPerNode}\n` : "";
  return `AutoDetect=off\n${node} Name=gpu Count=${gpusPerNode} File=${devices}\n${shards}`;
}

/**
 * From 23.11 on slurmd wants cgroups even if nothing uses them, unless told not to; 22.05 does not
 * know this option.
 */
export function cgroupConfText(slurmVersion: string): string {
  return Number.parseFloat(slurmVersion) >= 23.11 ? "CgroupPlugin=disabled\n" : "";
}

function daemonLines(input: ConfInput): string[] {
  const { folder, daemonUser, slurmctldPort, prolog, epilog, hosts } = input;
  return [
    "ClusterName=local",
    `SlurmctldHost=localhost${hosts === null ? "" : `(${hosts.controller})`}`,
    `SlurmUser=${daemonUser}`,
    `SlurmdUser=${daemonUser}`,
    `SlurmctldPort=${slurmctldPort}`,
    "AuthType=auth/munge",
    `AuthInfo=socket=${folder.mungeSocket}`,
    `StateSaveLocation=${folder.state}`,
    `SlurmdSpoolDir=${folder.spool}/%n`,
    `SlurmctldPidFile=${folder.logs}/slurmctld.pid`,
    `SlurmdPidFile=${folder.logs}/slurmd.%n.pid`,
    `SlurmctldLogFile=${folder.log("slurmctld")}`,
    `SlurmdLogFile=${folder.log("%n")}`,
    "SlurmdParameters=config_overrides", // declare more processors than the machine has
    "ProctrackType=proctrack/linuxproc",
    "TaskPlugin=task/none",
    "MpiDefault=none",
    "ReturnToService=2",
    ...(prolog ? [`Prolog=${prolog}`, "PrologFlags=Alloc"] : []),
    ...(epilog ? [`Epilog=${epilog}`] : []),
  ];
}

function schedulingLines({ cpus, memoryMb, gpusPerNode, shardsPerNode }: ConfInput): string[] {
  const memoryPerCpuMb = Math.floor(memoryMb / cpus);
  return [
    "SelectType=select/cons_tres",
    "SelectTypeParameters=CR_Core_Memory",
    `DefMemPerCPU=${Math.max(1, Math.floor(memoryPerCpuMb / 2))}`,
    `MaxMemPerCPU=${memoryPerCpuMb}`,
    "SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1",
    ...(gpusPerNode > 0 ? [`GresTypes=gpu${shardsPerNode > 0 ? ",shard" : ""}`] : []),
  ];
}

function nodeLines({ nodes, hosts, ...input }: ConfInput): string[] {
  const { firstSlurmdPort, cpus, memoryMb, gpusPerNode, shardsPerNode, threadsPerCore } = input;
  const shards = shardsPerNode > 0 ? `,shard:${shardsPerNode}` : "";
  const gres = gpusPerNode > 0 ? ` Gres=gpu:${gpusPerNode}${shards}` : "";
  const cores = `CoresPerSocket=${cpus / threadsPerCore} ThreadsPerCore=${threadsPerCore}`;
  const topology = threadsPerCore > 1 ? ` Sockets=1 ${cores}` : "";
  const rest = `CPUs=${cpus}${topology} RealMemory=${memoryMb}${gres} State=UNKNOWN`;
  if (hosts !== null) {
    const places = Object.entries(hosts.nodes).map(
      ([name, { address }]) => `NodeName=${name} NodeHostname=${name} NodeAddr=${address}`,
    );
    return places.map((place, index) => `${place} Port=${firstSlurmdPort + index} ${rest}`);
  }
  const ports = `[${firstSlurmdPort}-${firstSlurmdPort + nodes - 1}]`;
  return [
    `NodeName=${nodeRange(nodes)} NodeHostname=localhost NodeAddr=127.0.0.1 Port=${ports} ${rest}`,
  ];
}

function nodeRange(nodes: number): string {
  return `n[1-${nodes}]`;
}

function nameOfLine(line: string): string {
  return (line.split("=", 1)[0] ?? "").trim().toLowerCase();
}
