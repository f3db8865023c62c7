// Constructs the daemon's components and gives each the others that it needs; the configuration
// selects the adapters.

import { randomUUID } from "node:crypto";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import type { Config } from "../../config.js";
import { InterferenceGuard } from "../../core/capacity/interference.js";
import type { PilotMark } from "../../core/capacity/pilots.js";
import { expandHostList } from "../../core/hostlist.js";
import type { BlobFiles } from "../../core/ports/blobs.js";
import type { Cluster } from "../../core/ports/cluster.js";
import type { Launcher } from "../../core/ports/launcher.js";
import type { Store } from "../../core/ports/store.js";
import { createLocalLauncher } from "../../launch/local.js";
import { createPilotLauncher } from "../../launch/pilot.js";
import { type Bundle, loadBundle } from "../../launch/ssh/bundle.js";
import { createSshLauncher } from "../../launch/ssh/launcher.js";
import { createSlurmCluster } from "../../slurm/cluster.js";
import { createBlobFiles } from "../../store/blobs/blob-files.js";
import { loadTls, type TlsFiles } from "../auth/tls.js";
import { Secrets } from "../auth/tokens.js";
import { Capacity } from "../capacity/capacity.js";
import { Drains } from "../executors/drains.js";
import { Executors } from "../executors/executors.js";
import { Launching } from "../executors/launching.js";
import { Pilots, type PilotsDependencies } from "../executors/pilots.js";
import { Blobs } from "../functions/blobs.js";
import { Catalog } from "../functions/catalog.js";
import { Checkpoints } from "../invocations/checkpoints.js";
import { Dispatcher } from "../invocations/dispatch.js";
import { Documents } from "../invocations/documents.js";
import { type SettlePolicy, Settler } from "../invocations/settle.js";
import { type SlurmView, StartFailures } from "../invocations/start-failures.js";
import { Waiters } from "../invocations/waiters.js";
import { Conditions } from "../records/conditions.js";
import { DiskReserve } from "../records/disk-reserve.js";
import { Learning } from "../records/learning.js";
import { Recorder } from "../records/recorder.js";
import { Events } from "../state/events.js";
import { LiveInvocations } from "../state/live.js";
import { Registry } from "../state/registry.js";
import { holePolicyOf, learningPolicyOf } from "./policies.js";

/** An executor is ready within ~0.3 s; ssh to a busy node may take seconds. */
const startMs = 15_000;
/** Added to its own orphanMs: the time it needs to kill its functions and exit. */
const adoptMarginMs = 5_000;
export interface Parts {
  readonly launcher: Launcher;
  readonly events: Events;
  readonly registry: Registry;
  readonly live: LiveInvocations;
  readonly settler: Settler;
  readonly dispatcher: Dispatcher;
  readonly checkpoints: Checkpoints;
  readonly documents: Documents;
  readonly waiters: Waiters;
  readonly recorder: Recorder;
  readonly learning: Learning;
  readonly executors: Executors;
  readonly launching: Launching;
  readonly capacity: Capacity;
  readonly drains: Drains;
  readonly pilots: Pilots | null;
  readonly secrets: Secrets;
  readonly startFailures: StartFailures;
  readonly reserve: DiskReserve;
  readonly blobs: Blobs;
  readonly catalog: Catalog;
}

/** The components' interfaces to the outside, besides the store. */
export interface Adapters {
  readonly cluster: Cluster;
  readonly launcher: Launcher;
  readonly blobFiles: BlobFiles;
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

/**
 * The real ones, as configured. Throws CONFIG if the key file or an adapter's files are invalid.
 */
export function adaptersOf(config: Config): Adapters {
  const bundle = bundleOf(config);
  const secrets = Secrets.load(join(config.stateDirectory, "key"));
  return {
    cluster: createCluster(config),
    launcher: createLauncher(config, bundle, secrets),
    blobFiles: createBlobFiles(join(config.stateDirectory, "blobs")),
    brought: bundle?.programs,
    tls: loadTls(config.listen.tls),
    secrets,
    newName: () => randomUUID().slice(0, 8),
  };
}

/** Constructs the components; nothing runs yet. */
export function assemble(
  config: Config,
  store: Store,
  { cluster, launcher, blobFiles, brought, tls, secrets, newName }: Adapters,
  log: Logger,
): Parts {
  /** With the paths that the programs have on the nodes. */
  const onNodes = { ...config, programs: { ...config.programs, ...brought } };
  const shared = sharedBy(config, store, launcher, secrets, log, () => capacity);
  // These components call each other through callbacks; none runs before all are constructed.
  const executors: Executors = new Executors({
    ...shared,
    adoptMs: config.executor.orphanMs + adoptMarginMs,
    tellIfDrained: (record) => drains.tellIfDrained(record),
    leaveAlone: (node, what) => void drains.distrust(node, what),
  });
  const launching: Launching = new Launching({
    ...shared,
    config: onNodes,
    daemonCa: tls?.ca,
    secrets,
    newName,
    startMs: startMsOf(config),
    expect: (record, withinMs) => executors.expect(record, withinMs),
    gone: (record, reason) => executors.gone(record, reason),
  });
  const drains: Drains = new Drains({
    ...shared,
    knownNodes: () => capacity.snapshot?.nodes.map((node) => node.name) ?? [],
    expandHostList,
    giveUp: (record, reason) => executors.giveUp(record, reason),
  });
  const pilots = pilotsFor(config, secrets, { ...shared, launching, executors });
  const capacity: Capacity = new Capacity({
    ...shared,
    cluster,
    launching,
    drains,
    pilots,
    programs: config.programs,
    holePolicy: holePolicyOf(config),
    pacePolicy: config.poll,
  });
  const contents = contentsOf(config, store, blobFiles);
  return { ...shared, ...contents, executors, launching, capacity, drains, pilots, secrets };
}

/** What is kept for functions. */
function contentsOf(
  { stateDirectory, store: policy, blobs }: Config,
  store: Store,
  files: BlobFiles,
) {
  const reserve = new DiskReserve(stateDirectory, policy.reserveMb);
  return {
    reserve,
    blobs: new Blobs({ files, store, reserve, policy: blobs }),
    catalog: new Catalog(store),
  };
}

/** The components that depend on none of the later ones. */
function sharedBy(
  config: Config,
  store: Store,
  launcher: Launcher,
  secrets: Secrets,
  log: Logger,
  view: () => SlurmView,
) {
  const events = new Events(log);
  events.subscribe(["executorRetired"], ({ executor: { id, node }, retirement }) => {
    const { kind, reason } = retirement;
    log.info({ executor: id, node, reason }, `executor told to ${kind}`);
  });
  const live = new LiveInvocations(events);
  const registry = new Registry(live.assignments, events);
  const startFailures = new StartFailures(registry, live, view, log);
  const learning = new Learning(store, events, learningPolicyOf(config), log);
  const policy = settlePolicyOf(config, startFailures);
  const settler = new Settler(live, store, events, policy, log);
  const checkpoints = new Checkpoints({
    ...{ store, live, registry, events, log, policy: config.checkpoints },
    nameOf: (id) => secrets.checkpointName(id),
  });
  const documents = new Documents(store);
  const waiters = new Waiters(live, events);
  const dispatcher = new Dispatcher({
    ...{ live, registry, store, events, settler, log, checkpoints, documents },
    prediction: learning,
    avoidedBy: (waiting) => startFailures.avoidedBy(waiting),
  });
  const recorder = new Recorder(store, events, log, config.poll.staleMs);
  // Nobody calls it: it subscribes.
  new Conditions(store, registry, events, config.placement.vacateMs, log);
  const base = { registry, live, store, events, settler, dispatcher, recorder, learning };
  const guard = new InterferenceGuard(config.interference);
  return {
    ...base,
    launcher,
    log,
    checkpoints,
    documents,
    waiters,
    guard,
    startFailures,
    graceMs: config.functions.killWaitMs,
  };
}

/** null if executors are not jobs. */
function pilotsFor(
  config: Config,
  secrets: Secrets,
  deps: Omit<PilotsDependencies, "config" | "memoryMarginMb" | "mark" | "gone"> &
    Pick<Parts, "executors">,
): Pilots | null {
  const { launcher, pilot, memoryMarginMb } = config.placement;
  if (launcher !== "pilot") return null;
  return new Pilots({
    ...deps,
    config: pilot,
    memoryMarginMb,
    mark: pilotMarkOf(config, secrets),
    gone: (record, reason, end) => deps.executors.gone(record, reason, end),
  });
}

/** A pilot may wait for Slurm before it starts. */
const startMsOf = ({ placement }: Config): number =>
  placement.launcher === "pilot" ? placement.pilot.pendingMs + startMs : startMs;

function settlePolicyOf({ rates, functions }: Config, startFailures: StartFailures): SettlePolicy {
  return {
    rate: rates,
    maxLostAttempts: functions.maxLostAttempts,
    startFailures,
  };
}

function createCluster({ slurm, placement }: Config) {
  const { conf, binDirectory, commandTimeoutMs } = slurm;
  const { exclusivePartitions } = placement;
  return createSlurmCluster({
    slurmConf: conf,
    binDirectory,
    commandTimeoutMs,
    exclusivePartitions,
    now: nowMs,
  });
}

/** null if nothing is copied to the nodes. */
function bundleOf({ placement, programs }: Config): Bundle | null {
  const { launcher, ssh } = placement;
  if (launcher !== "ssh" || ssh.executor === "installed") return null;
  return loadBundle({ ...programs, directory: ssh.directory });
}

/** One user may run several daemons, each with its own key. */
function pilotMarkOf({ placement }: Config, secrets: Secrets): PilotMark {
  const { partition } = placement.pilot;
  return { user: userInfo().username, partition, instance: secrets.instance() };
}

function createLauncher(config: Config, bundle: Bundle | null, secrets: Secrets): Launcher {
  const { programs, runDirectory, logDirectory, placement } = config;
  const { node } = programs;
  const executorProgram = bundle?.programs.executor ?? programs.executor;
  const common = { node, executorProgram, runDirectory, logDirectory };
  if (placement.launcher === "local") return createLocalLauncher(common);
  if (placement.launcher === "pilot") return pilotLauncherOf(config, secrets);
  const { ssh } = placement;
  const nodeOnNode = ssh.executor === "binary" ? null : node;
  return createSshLauncher({ ...common, ...ssh, node: nodeOnNode, bundle });
}

function pilotLauncherOf(config: Config, secrets: Secrets): Launcher {
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
    mungeSocket: munge.socket,
    uid: process.geteuid!(),
    instance,
    partition,
    account,
    qos,
    validMs: pendingMs + startMs,
  });
}
