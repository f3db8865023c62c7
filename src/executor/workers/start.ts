// Puts together what workers need on a node: their socket, the cache of their code, the programs of
// the runtimes, their parents, and how each is started.

import { join } from "node:path";
import type { WorkerKind } from "../../model/call.js";
import { nothing } from "../../model/resources.js";
import type { CallAttemptOrder, ExecutorMessage } from "../../wire/messages.js";
import type { Containment } from "../containment/containment.js";
import { CodeReaders } from "../runtimes/code-readers.js";
import { openGroupFor } from "../runtimes/group.js";
import type { RunHandle } from "../runtimes/runtime.js";
import type { Admitting, Spawning } from "../runtimes/spawner.js";
import { BundleCache } from "./bundle-cache.js";
import type { OpenWorker } from "./kept.js";
import { Payloads } from "./payloads/payloads.js";
import { unnamedFilesIn } from "./payloads/unnamed-files.js";
import { makePublicFolder } from "./public-folder.js";
import { RuntimePrograms } from "./runtime-programs.js";
import { FirstStart } from "./seats/first-start.js";
import { ForkedStart, type StartEvents } from "./standby/forked-start.js";
import { alone, type Origin, Parents } from "./standby/parents.js";
import type { Spare, Taker } from "./standby/spare.js";
import { environmentOfFunction, Spares } from "./standby/spares.js";
import type { Standbys } from "./standby/standby.js";
import { openParents } from "./start-parents.js";
import { type Spec, workOf } from "./start-parts.js";
import { openSpares } from "./start-spares.js";
import { breachTeller } from "./work/breach.js";
import { Leases } from "./work/leases.js";
import { Worker } from "./worker.js";
import { WorkerSocket } from "./worker-socket.js";
import { Workers } from "./workers.js";

export interface WorkerSite {
  readonly workers: Workers;
  readonly code: BundleCache;
  readonly payloads: Payloads;
  readonly leases: Leases;
  readonly attachProgram: () => string;
  close(): void;
}

/** How workers connect, and where their code and their runtimes lie. */
export interface WorkerPorts {
  readonly sockets: Pick<WorkerSocket, "path" | "expect" | "forget">;
  readonly code: Pick<BundleCache, "folderOf">;
  /** Omitted where every user may read code. */
  readonly readers?: CodeReaders;
  readonly programs: Pick<RuntimePrograms, "commandOf">;
  /** Omitted where no workers are forked. */
  readonly parents?: Parents;
  readonly payloads: Pick<Payloads, "inputOf" | "sinkFor" | "logs">;
  readonly leases: Pick<Leases, "open">;
  /** Omitted where none are kept. */
  readonly spares?: Spares;
  /** Tells the node's log, if it has one. */
  readonly explain?: (why: string) => void;
  /** The kernel killed a worker of this size for want of memory; omitted if nobody asks. */
  readonly onNodeFull?: (memoryMb: number) => void;
}

/** Who is told what workers find out. */
export interface WorkerEvents {
  /** gleanerd. */
  readonly say: (message: ExecutorMessage, isAwaited?: boolean) => void;
  /** The log. */
  readonly explain: (why: string) => void;
  readonly onNodeFull: (memoryMb: number) => void;
}

/** The executor is made after its workers. */
export const eventsFor = (
  executor: () => {
    readonly outbox: { sayNow(message: ExecutorMessage, isAwaited?: boolean): void };
    readonly departure: { killedWithin(memoryMb: number): void };
  },
  explain: (why: string) => void,
): WorkerEvents => ({
  say: (message, isAwaited) => executor().outbox.sayNow(message, isAwaited),
  explain,
  onNodeFull: (memoryMb) => executor().departure.killedWithin(memoryMb),
});

/**
 * `paths.socket`: in a folder that only this process's user may enter; `paths.cache`: where bundles
 * are kept.
 */
export async function startWorkers(
  spec: Spec,
  spawner: Spawning & Admitting,
  containment: Containment,
  paths: { readonly socket: string; readonly cache: string },
  { say, explain, onNodeFull }: WorkerEvents,
): Promise<WorkerSite> {
  const sockets = await WorkerSocket.listen(paths.socket);
  const code = new BundleCache(
    join(paths.cache, "bundles"),
    (version) => say({ type: "fetchBundle", version }),
    () => workers.versions,
  );
  const readers = new CodeReaders(spawner, explain);
  const programs = new RuntimePrograms(paths.cache);
  const parts = { spec, spawner, containment, sockets, programs };
  const { openFamily, close } = await openParents(parts, paths, explain);
  const parents = new Parents(openFamily, () => workers.changed());
  const giveWay = (thrown: unknown) => code.giveWay(thrown, "return less");
  const openResults = () => {
    makePublicFolder(paths.cache);
    return makePublicFolder(join(paths.cache, "results"), 0o700);
  };
  const payloads = new Payloads(unnamedFilesIn(openResults), say, giveWay);
  const spares = new Spares(openSpares(parts));
  const leases = new Leases(say);
  const means = { sockets, code, readers, programs, payloads, leases, parents, spares };
  const ports = { ...means, explain, onNodeFull };
  const workers: Workers = workersOver(ports, spec, spawner, containment, say);
  return {
    workers,
    code,
    payloads,
    leases,
    attachProgram: () => programs.attach,
    close: () => {
      sockets.close();
      close();
    },
  };
}

export function workersOver(
  ports: WorkerPorts,
  spec: Spec,
  spawner: Spawning,
  containment: Containment,
  say: (message: ExecutorMessage) => void,
): Workers {
  return new Workers(openWorkers(ports, spec, spawner, containment), say, standbysOf(ports));
}

const standbysOf = ({ parents, spares }: WorkerPorts): Standbys => ({
  get all() {
    return [...(spares?.all ?? []), ...(parents?.all ?? [])];
  },
  callBegan: (order, kind, room) => parents?.callBegan(order, kind, room) ?? (() => {}),
  expect: (order, room) => spares?.want(order, room) ?? true,
});

function openWorkers(
  ports: WorkerPorts,
  spec: Spec,
  spawner: Spawning,
  containment: Containment,
): OpenWorker {
  const { sockets, programs, payloads, leases, parents } = ports;
  const { explain = () => {}, onNodeFull = () => {} } = ports;
  let number = 0;
  return (order, kind, free, { onGone, onReady }) => {
    // What stands by is for a call that waits.
    const spare = onReady === undefined ? reserve(ports, order, kind) : null;
    const room = spare === null ? free() : nothing;
    // While groups are made.
    const readable = codeFor(ports, order);
    readable.catch(() => {}); // the worker hears of that
    const opened =
      spare?.opened ?? openGroupFor(containment, spec, `worker.${++number}`, order, room);
    const origin = spare === null ? (parents?.originFor(order, kind, room) ?? alone) : alone;
    let isStarted = false;
    const id = sockets.expect({
      onProtocol: (socket) => worker.connected(socket),
      onOutput: (socket) => worker.prints(socket),
    });
    const startAlone = (directory: string, events: StartEvents) => {
      const argv = programs.commandOf(order.command.settings, directory);
      const command = { kind: "worker", argv, socketPath: sockets.path, id } as const;
      const work = workOf(spec, { ...order, workingDirectory: directory }, command, opened);
      return spawner.start(work, opened.group, events);
    };
    const first = new FirstStart();
    const worker: Worker = new Worker(opened, {
      settings: order.command.settings,
      code: () => readable,
      payloads,
      leases,
      first,
      spawn: (directory, events) => {
        isStarted = true;
        const watched = watching(events, () => onNodeFull(order.memoryMb));
        const taker = takerOf(worker, () => startAlone(directory, watched));
        return (
          spare?.take(watched, taker) ??
          startFrom(origin, { worker, first }, directory, watched, startAlone)
        );
      },
      environment: spare?.version === null ? environmentOfFunction(order) : undefined,
      onReady: onReady ?? (() => {}),
      onBroken: breachTeller(order.command.function, explain, (bytes) => worker.print(bytes)),
      onGone: () => {
        sockets.forget(id);
        if (!isStarted) void origin.parent?.leave(null);
        if (isStarted || spare === null) onGone();
        else void spare.giveUp().then(onGone);
      },
    });
    return worker;
  };
}

/** The folder with the call's code, once its user may read it. */
async function codeFor(
  { code, readers }: Pick<WorkerPorts, "code" | "readers">,
  { command, uid }: CallAttemptOrder,
): Promise<string> {
  const folder = await code.folderOf(command.version);
  return readers?.admit(folder, uid) ?? folder;
}

const reserve = (
  { spares, parents }: WorkerPorts,
  order: CallAttemptOrder,
  kind: WorkerKind,
): Spare | null => spares?.reserve(order) ?? parents?.reserve(kind) ?? null;

const takerOf = (worker: Worker, startAlone: () => RunHandle): Taker => ({
  connected: (socket) => worker.connected(socket),
  prints: (socket) => worker.prints(socket),
  retire: () => worker.retire(),
  startAlone,
});

/** Also an idle worker shows by its end that the node has no memory left. */
const watching = (events: StartEvents, onNodeFull: () => void): StartEvents => ({
  ...events,
  onEnd: (end) => {
    events.onEnd(end);
    if (end.kind === "ended" && end.nodeWasFull) onNodeFull();
  },
});

/** Forks a worker of a parent, or starts it alone. */
function startFrom(
  origin: Origin,
  { worker, first }: { readonly worker: Worker; readonly first: FirstStart },
  directory: string,
  events: StartEvents,
  startAlone: (directory: string, events: StartEvents) => RunHandle,
): RunHandle {
  if (origin.parent === null) {
    if (origin.why !== null) worker.print(notForked(origin.why));
    return startAlone(directory, events);
  }
  const { parent } = origin;
  return new ForkedStart({
    parent,
    directory,
    group: worker.opened.group,
    events,
    onProtocol: (socket) => worker.connected(socket),
    onOutput: (socket) => worker.prints(socket),
    print: (bytes, source) => {
      first.note(bytes, source);
      worker.print(bytes);
    },
    standsBy: () => false,
    retire: () => worker.retire(),
    startAlone: () => {
      first.failed();
      if (parent.whyUnfit !== null) worker.print(notForked(parent.whyUnfit));
      return startAlone(directory, events);
    },
  });
}

const notForked = (why: string): Buffer => Buffer.from(`[glean: ${why}]\n`);
