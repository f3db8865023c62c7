// The workers of one simulated executor: the real pool over simulated processes, sockets and code.

import type { Containment } from "../../../src/executor/containment/containment.js";
import type { Place, ProcessEvents } from "../../../src/executor/runtimes/runtime.js";
import type { SpawnOrder } from "../../../src/executor/runtimes/spawn-request.js";
import type { Spawning } from "../../../src/executor/runtimes/spawner.js";
import type { Surroundings } from "../../../src/executor/surroundings.js";
import { Payloads } from "../../../src/executor/workers/payloads/payloads.js";
import { workersOver } from "../../../src/executor/workers/start.js";
import { Leases } from "../../../src/executor/workers/work/leases.js";
import type { ExpectedWorker } from "../../../src/executor/workers/worker-socket.js";
import { attemptName } from "../../../src/wire/attempt-key.js";
import type { LaunchSpec } from "../../../src/wire/launch.js";
import type { AttemptOrder, ExecutorMessage } from "../../../src/wire/messages.js";
import type { SimulatedGroup } from "../site/group.js";
import type { SimulatedNode } from "../site/node.js";
import type { World } from "../site/world.js";
import type { Process } from "../timeline.js";
import { KeptWarm } from "./kept-warm.js";
import { NodeCode } from "./node-code.js";
import { openUnnamedFile } from "./unnamed-file.js";
import { WorkerRun } from "./worker/run.js";

/** No client of a simulated lease connects. */
const hostId = "0f3b7a52-9d0e-4c7e-8a55-0d2f6f1f3a10";

export class NodeWorkers {
  private readonly expected = new Map<number, ExpectedWorker>();
  /** Of each attempt, by its name. */
  private readonly groups = new Map<string, SimulatedGroup>();
  private readonly keptWarm: KeptWarm;
  private lastId = 0;

  constructor(
    private readonly world: World,
    private readonly node: SimulatedNode,
    private readonly process: Process,
  ) {
    this.keptWarm = new KeptWarm(world);
  }

  start(
    spec: LaunchSpec,
    spawner: Spawning,
    containment: Containment,
    say: (message: ExecutorMessage) => void,
  ): Required<Pick<Surroundings, "workers" | "code" | "payloads" | "leases">> {
    const ask = (version: string) => say({ type: "fetchBundle", version } as never);
    const code = new NodeCode(this.world, this.node, this.process, ask);
    const sockets = {
      path: "/simulated/workers",
      expect: (worker: ExpectedWorker) => {
        this.expected.set(++this.lastId, worker);
        return this.lastId;
      },
      forget: (id: number) => void this.expected.delete(id),
    };
    const programs = { commandOf: () => ["/simulated/runtime"] };
    const payloads = new Payloads(openUnnamedFile, say, (full) => Promise.reject(full));
    const leases = new Leases(say, hostId);
    const ports = { sockets, code, programs, payloads, leases };
    const workers = workersOver(ports, spec, spawner, containment, say);
    this.world.sabotage.workers?.(workers);
    this.keptWarm.watch(workers);
    const prepare = workers.prepare.bind(workers);
    workers.prepare = (order, ...room) => this.watched(order, prepare(order, ...room));
    const inputOf = payloads.inputOf.bind(payloads);
    payloads.inputOf = (order) => {
      const { invocation, attempt } = order;
      this.groups.get(attemptName(order))?.onBegun({ invocation, attempt });
      return inputOf(order);
    };
    return { workers, code, payloads, leases };
  }

  /** The worker learns which attempt takes it, and when. */
  private watched({ invocation, attempt }: AttemptOrder, place: Place): Place {
    const key = { invocation, attempt };
    const group = place.group as SimulatedGroup;
    return {
      ...place,
      start: (events) => {
        this.groups.set(attemptName(key), group);
        group.taken(key);
        return place.start(events);
      },
    };
  }

  /** null if it is no worker. */
  runOf(order: SpawnOrder, group: SimulatedGroup, events: ProcessEvents): WorkerRun | null {
    const { command } = order;
    if (command.kind !== "worker") return null;
    const { world, node, process, expected } = this;
    const ofWorker = { ...order, command };
    const socket = expected.get(command.id);
    const run = new WorkerRun(world, node, process, ofWorker, group, events, socket);
    this.keptWarm.add(run);
    group.onKill = () => this.keptWarm.ends(run);
    return run;
  }
}
