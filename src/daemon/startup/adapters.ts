// The daemon's interfaces to the outside: which adapters it has, and the real ones as configured.

import { randomUUID } from "node:crypto";
import { userInfo } from "node:os";
import { join } from "node:path";
import { nowMs } from "../../clock.js";
import type { Config } from "../../config.js";
import type { PilotMark } from "../../core/capacity/pilots.js";
import type { BlobFiles } from "../../core/ports/blobs.js";
import type { Cluster } from "../../core/ports/cluster.js";
import type { Launcher } from "../../core/ports/launcher.js";
import { createLocalLauncher } from "../../launch/local.js";
import { createPilotLauncher } from "../../launch/pilot.js";
import { type Bundle, loadBundle } from "../../launch/ssh/bundle.js";
import { createSshLauncher } from "../../launch/ssh/launcher.js";
import type { RunProgram } from "../../processes/run.js";
import { createSlurmCluster } from "../../slurm/cluster.js";
import { createBlobFiles } from "../../store/blobs/blob-files.js";
import { loadTls, type TlsFiles } from "../auth/tls.js";
import { Secrets } from "../auth/tokens.js";
import type { StatDisk } from "../records/disk-reserve.js";

/** An executor is ready within ~0.3 s; ssh to a busy node may take seconds. */
export const startMs = 15_000;

/** The components' interfaces to the outside, besides the store. */
export interface Adapters {
  readonly cluster: Cluster;
  readonly launcher: Launcher;
  readonly blobFiles: BlobFiles;
  /** If omitted, the kernel is asked. */
  readonly statDisk?: StatDisk;
  /**
   * Paths on the nodes of programs that the launcher copies there; if omitted, they are where the
   * configuration says.
   */
  readonly brought?: Bundle["programs"] | undefined;
  /** null or omitted if connections are not encrypted. */
  readonly tls?: TlsFiles | null;
  readonly secrets: Secrets;
  /** A few characters that no other executor's name has. */
  readonly newName: () => string;
}

export const databaseOf = ({ stateDirectory }: Config): string =>
  join(stateDirectory, "gleaner.db");

/**
 * The real ones, as configured. Throws CONFIG if the key file or an adapter's files are invalid.
 */
export function adaptersOf(config: Config, runProgram: RunProgram): Adapters {
  const bundle = bundleOf(config);
  const secrets = Secrets.load(join(config.stateDirectory, "key"), databaseOf(config));
  return {
    cluster: createCluster(config, runProgram),
    launcher: createLauncher(config, bundle, secrets, runProgram),
    blobFiles: createBlobFiles(join(config.stateDirectory, "blobs")),
    brought: bundle?.programs,
    tls: loadTls(config.listen.tls),
    secrets,
    newName: () => randomUUID().slice(0, 8),
  };
}

/** One user may run several daemons, each with its own key. */
export function pilotMarkOf({ placement }: Config, secrets: Secrets): PilotMark {
  const { partition } = placement.pilot;
  return { user: userInfo().username, partition, instance: secrets.instance() };
}

function createCluster({ slurm, placement }: Config, runProgram: RunProgram) {
  const { conf, binDirectory, commandTimeoutMs } = slurm;
  const { exclusivePartitions } = placement;
  return createSlurmCluster({
    slurmConf: conf,
    binDirectory,
    commandTimeoutMs,
    exclusivePartitions,
    runProgram,
    now: nowMs,
  });
}

/** null if nothing is copied to the nodes. */
function bundleOf({ placement, programs }: Config): Bundle | null {
  const { launcher, ssh } = placement;
  if (launcher !== "ssh" || ssh.executor === "installed") return null;
  return loadBundle({ ...programs, directory: ssh.directory });
}

function createLauncher(
  config: Config,
  bundle: Bundle | null,
  secrets: Secrets,
  runProgram: RunProgram,
): Launcher {
  const { programs, runDirectory, logDirectory, placement } = config;
  const { node } = programs;
  const executorProgram = bundle?.programs.executor ?? programs.executor;
  const common = { node, executorProgram, runDirectory, logDirectory };
  if (placement.launcher === "local") return createLocalLauncher(common);
  if (placement.launcher === "pilot") return pilotLauncherOf(config, secrets, runProgram);
  const { ssh } = placement;
  const nodeOnNode = ssh.executor === "binary" ? null : node;
  return createSshLauncher({ ...common, ...ssh, node: nodeOnNode, bundle });
}

function pilotLauncherOf(config: Config, secrets: Secrets, runProgram: RunProgram): Launcher {
  const { programs, logDirectory, placement, slurm, munge } = config;
  const { account, qos, pendingMs } = placement.pilot;
  const { instance, partition } = pilotMarkOf(config, secrets);
  return createPilotLauncher({
    node: programs.node,
    executorProgram: programs.executor,
    logDirectory,
    slurmConf: slurm.conf,
    binDirectory: slurm.binDirectory,
    commandTimeoutMs: slurm.commandTimeoutMs,
    runProgram,
    mungeSocket: munge.socket,
    uid: process.geteuid!(),
    instance,
    partition,
    account,
    qos,
    validMs: pendingMs + startMs,
  });
}
