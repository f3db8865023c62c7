// Constructs the daemon's components and gives each the others that it needs.

import type { Logger } from "pino";
import type { Config } from "../../config.js";
import { InterferenceGuard } from "../../core/capacity/interference.js";
import type { BlobFiles } from "../../core/ports/blobs.js";
import type { Launcher } from "../../core/ports/launcher.js";
import type { Store } from "../../core/ports/store.js";
import { expandHostList } from "../../model/hostlist.js";
import type { Secrets } from "../auth/tokens.js";
import { Capacity } from "../capacity/capacity.js";
import { CarriedMemory } from "../carried/memory.js";
import { Drains } from "../executors/drains.js";
import { type EndingParts, endChosen, tasksOfArray } from "../executors/ending.js";
import { Executors } from "../executors/executors.js";
import { Launching } from "../executors/launching.js";
import { Pilots, type PilotsDependencies } from "../executors/pilots.js";
import { Blobs } from "../functions/blobs.js";
import { Catalog } from "../functions/catalog.js";
import { CodeSupply } from "../functions/code-supply.js";
import { InputSupply } from "../functions/input-supply.js";
import { PackedInputs } from "../functions/packed-inputs.js";
import { ResultIntake } from "../functions/result-intake.js";
import { Checkpoints } from "../invocations/checkpoints.js";
import { Dispatcher } from "../invocations/dispatch.js";
import { Documents } from "../invocations/documents.js";
import { KeepAlive } from "../invocations/keep-alive.js";
import { type SettlePolicy, Settler } from "../invocations/settle.js";
import { type SlurmView, StartFailures } from "../invocations/start-failures.js";
import { StoppedFunctions } from "../invocations/stopped-functions.js";
import { Vouchers } from "../invocations/vouchers.js";
import { Waiters } from "../invocations/waiters.js";
import { Leases } from "../leases/leases.js";
import { Conditions } from "../records/conditions.js";
import { DiskReserve, type StatDisk } from "../records/disk-reserve.js";
import { Learning } from "../records/learning.js";
import { Mailer, sendThrough } from "../records/mailer.js";
import { Recorder } from "../records/recorder.js";
import { AllowedNodes } from "../scheduling/allowed-nodes.js";
import { Scheduler } from "../scheduling/scheduler.js";
import { Events } from "../state/events.js";
import { LiveInvocations } from "../state/live.js";
import { Registry } from "../state/registry.js";
import { type Adapters, pilotMarkOf, startMs } from "./adapters.js";
import { holePolicyOf, learningPolicyOf } from "./policies.js";

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
  readonly stoppedFunctions: StoppedFunctions;
  readonly leases: Leases;
  readonly scheduler: Scheduler;
  readonly allowedNodes: AllowedNodes;
  readonly reserve: DiskReserve;
  readonly blobs: Blobs;
  readonly packedInputs: PackedInputs;
  readonly carriedMemory: CarriedMemory;
  readonly catalog: Catalog;
  readonly keepAlive: KeepAlive;
}

/** Constructs the components; nothing runs yet. */
export function assemble(
  config: Config,
  store: Store,
  { cluster, launcher, blobFiles, statDisk, brought, tls, secrets, newName }: Adapters,
  log: Logger,
): Parts {
  /** With the paths that the programs have on the nodes. */
  const onNodes = { ...config, programs: { ...config.programs, ...brought } };
  const contents = contentsOf(config, store, { blobFiles, statDisk, log });
  const shared = sharedBy({ config, store, launcher, secrets, log, ...contents }, () => capacity);
  // These components call each other through callbacks; none runs before all are constructed.
  const leases = leasesOf(config, { ...shared, store }, () => executors);
  const executors: Executors = new Executors({
    ...shared,
    leases,
    code: new CodeSupply({ ...shared, ...contents }),
    inputs: new InputSupply({ ...shared, ...contents }),
    results: new ResultIntake({
      ...shared,
      ...contents,
      distrust: (record, what) => executors.distrust(record, what),
    }),
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
  const apart = { leases, executors, launching, capacity, drains, pilots, secrets };
  return { ...shared, ...contents, ...apart };
}

function leasesOf(
  { leases: policy }: Config,
  deps: Omit<EndingParts, "executors"> & Pick<Parts, "events"> & { readonly log: Logger },
  executors: () => Executors,
): Leases {
  return new Leases({
    ...{ ...deps, policy },
    endTasks: async (lease, reason) => {
      const chosen = tasksOfArray(deps.live, lease);
      await endChosen({ ...deps, executors: executors() }, reason, chosen);
    },
    onTrouble: (lease, err) => deps.log.error({ lease, err }, "cannot end a lease: tries again"),
  });
}

interface ContentsFrom {
  readonly blobFiles: BlobFiles;
  readonly statDisk: StatDisk | undefined;
  readonly log: Logger;
}

/** What is kept for functions. */
function contentsOf(
  { stateDirectory, store: policy, blobs }: Config,
  store: Store,
  { blobFiles: files, statDisk, log }: ContentsFrom,
) {
  const reserve = new DiskReserve(stateDirectory, policy.reserveMb, statDisk);
  const kept = new Blobs({ files, store, reserve, log, policy: blobs });
  const packedInputs = new PackedInputs(kept);
  const carriedMemory = new CarriedMemory();
  return { reserve, blobs: kept, packedInputs, carriedMemory, catalog: new Catalog(store) };
}

interface SharedFrom extends Pick<Parts, "launcher" | "secrets" | "packedInputs"> {
  readonly config: Config;
  readonly store: Store;
  readonly log: Logger;
}

/** The components that depend on none of the later ones. */
function sharedBy(
  { config, store, launcher, secrets, log, packedInputs }: SharedFrom,
  view: () => SlurmView,
) {
  const events = new Events(log);
  events.subscribe(["executorRetired"], ({ executor: { id, node }, retirement }) => {
    const { kind, reason } = retirement;
    log.info({ executor: id, node, reason }, `executor told to ${kind}`);
  });
  const live = new LiveInvocations(events);
  const registry = new Registry(live.assignments, events);
  const stoppedFunctions = new StoppedFunctions(live, store, log);
  const startFailures = new StartFailures(registry, live, view, log, stoppedFunctions);
  const allowedNodes = new AllowedNodes(view);
  const learning = new Learning(store, events, learningPolicyOf(config), log);
  const policy = settlePolicyOf(config, startFailures);
  const settler = new Settler(live, store, events, policy, log);
  const checkpoints = new Checkpoints({
    ...{ store, live, registry, events, log, policy: config.checkpoints },
    nameOf: (id) => secrets.checkpointName(id),
  });
  const documents = new Documents(store, packedInputs);
  const vouchers = new Vouchers((body) => secrets.voucherSeal(body));
  const waiters = new Waiters(live, events);
  const keepAlive = new KeepAlive(events);
  const dispatcher = new Dispatcher({
    ...{ live, registry, store, events, settler, log, checkpoints, documents, vouchers },
    keepAlive,
    runKey: (id) => secrets.ofRun(id),
    leases: { ...config.leases, keyOf: (worker) => secrets.ofLease(worker) },
    clusterName: () => view().snapshot?.facts.clusterName ?? null,
    ...{ prediction: learning, placesBy: config.placement.policy },
    avoidedBy: (waiting) => startFailures.avoidedBy(waiting),
    allowedTo: (waiting) => allowedNodes.of(waiting),
  });
  const scheduler = new Scheduler({ live, store, events, dispatcher, log });
  const recorder = new Recorder(store, events, log, config.poll.staleMs);
  const { mailProgram } = config.functions;
  // Nobody calls these: they subscribe.
  if (mailProgram !== null) new Mailer(events, store, log, sendThrough(mailProgram));
  new Conditions(store, registry, events, config.placement.vacateMs, log);
  const base = { registry, live, store, events, settler, dispatcher, recorder, learning };
  const guard = new InterferenceGuard(config.interference);
  return {
    ...base,
    launcher,
    log,
    checkpoints,
    documents,
    vouchers,
    keepAlive,
    waiters,
    guard,
    startFailures,
    stoppedFunctions,
    scheduler,
    allowedNodes,
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
    rates,
    maxLostAttempts: functions.maxLostAttempts,
    startFailures,
  };
}
