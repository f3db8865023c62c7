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
  gpuTypes: readonly string[];
  shardsPerNode: number;
  countedGres: Readonly<Record<string, number>>;
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
 * null if the nodes have no generic resources.
 */
export function gresConfText(input: ConfInput): string | null {
  const { folder, nodes } = input;
  const counts = Object.entries(gresOf(input));
  if (counts.length === 0) return null;
  const lines = counts.flatMap(([name, count]) => {
    if (name !== "gpu") return [`Name=${name} Count=${count}`];
    return gpuKinds(input).map(({ type, first, count: ofType }) => {
      const ofOne = type === null ? "" : ` Type=${type}`;
      const files = `${folder.gpus}/gpu[${first}-${first + ofType - 1}]`;
      return `Name=gpu Count=${ofType}${ofOne} File=${files}`;
    });
  });
  const onAll = lines.map((line) => `NodeName=${nodeRange(nodes)} ${line}`);
  return ["AutoDetect=off", ...onAll, ""].join("\n");
}

/** The GPUs of a node, divided equally among their types. */
function gpuKinds({ gpusPerNode, gpuTypes }: ConfInput) {
  const types = gpuTypes.length === 0 ? [null] : gpuTypes;
  const count = gpusPerNode / types.length;
  return types.map((type, index) => ({ type, first: index * count, count }));
}

function gresOf({ gpusPerNode, shardsPerNode, countedGres }: ConfInput): Record<string, number> {
  return {
    ...(gpusPerNode > 0 && { gpu: gpusPerNode }),
    ...(gpusPerNode > 0 && shardsPerNode > 0 && { shard: shardsPerNode }),
    ...countedGres,
  };
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

function schedulingLines(input: ConfInput): string[] {
  const { cpus, memoryMb } = input;
  const gresTypes = Object.keys(gresOf(input));
  const memoryPerCpuMb = Math.floor(memoryMb / cpus);
  return [
    "SelectType=select/cons_tres",
    "SelectTypeParameters=CR_Core_Memory",
    `DefMemPerCPU=${Math.max(1, Math.floor(memoryPerCpuMb / 2))}`,
    `MaxMemPerCPU=${memoryPerCpuMb}`,
    "SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1",
    ...(gresTypes.length > 0 ? [`GresTypes=${gresTypes}`] : []),
  ];
}

function nodeLines(input: ConfInput): string[] {
  const { nodes, hosts, firstSlurmdPort, cpus, memoryMb, threadsPerCore } = input;
  const counts = Object.entries(gresOf(input)).flatMap(([name, count]) => {
    if (name !== "gpu") return [`${name}:${count}`];
    return gpuKinds(input).map(({ type, count: ofType }) =>
      type === null ? `gpu:${ofType}` : `gpu:${type}:${ofType}`,
    );
  });
  const gres = counts.length > 0 ? ` Gres=${counts}` : "";
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
