// A glean-executor on a simulated node: the real Executor and Session, in the order of
// executor/main.ts, over a simulated kernel.

import { Session } from "../../../src/executor/connection/session.js";
import type { AttemptGroup, Containment } from "../../../src/executor/containment/containment.js";
import { Executor } from "../../../src/executor/executor.js";
import type { BeginLine } from "../../../src/executor/hook/socket.js";
import { tellKillNotes } from "../../../src/executor/kill-notes.js";
import type { ProcessEvents, RunHandle } from "../../../src/executor/runtimes/runtime.js";
import type { SpawnOrder } from "../../../src/executor/runtimes/spawn-request.js";
import type { Spawning } from "../../../src/executor/runtimes/spawner.js";
import { GleanerError } from "../../../src/model/errors.js";
import type { JobId } from "../../../src/model/ids.js";
import type { LaunchSpec } from "../../../src/wire/launch.js";
import { checkLaunchSpec } from "../../../src/wire/launch.js";
import { NodeWorkers } from "../functions/node-workers.js";
import type { Process } from "../timeline.js";
import type { DaemonHost } from "./daemon-host.js";
import { FunctionRun } from "./function-run.js";
import { SimulatedGroup } from "./group.js";
import { Link } from "./network.js";
import type { SimulatedNode, SimulatedRun } from "./node.js";
import type { World } from "./world.js";

const emptyPollMs = 2;
const emptyMs = 5_000;

export class ExecutorProcess {
  readonly process: Process;
  readonly spec: LaunchSpec;
  isListening = false;
  /** The cgroup, its own or that of a dead one before it, stands in executor.pid. */
  hasPublished = false;
  link: Link | null = null;
  private executor: Executor | null = null;
  private readonly groups = new Set<SimulatedGroup>();
  private readonly workers: NodeWorkers;

  constructor(
    private readonly world: World,
    private readonly node: SimulatedNode,
    private readonly daemonHost: DaemonHost,
    input: string,
  ) {
    this.spec = checkLaunchSpec(JSON.parse(input));
    this.process = world.process(this.spec.executor, node.bootedUs);
    this.workers = new NodeWorkers(world, node, this.process);
    const { causes } = world.books;
    causes.budgetTold(this.spec.executor, this.spec.budget.budget);
    this.process.whenDead(() => {
      causes.breaks(this.spec.executor);
      world.tell(`${this.spec.executor} is dead`);
    });
    // glean-spawn sees at once that its executor is gone.
    this.process.whenDead(() => {
      for (const each of node.functions) if (each.executor === this.spec.executor) each.die();
    });
    world.within(this.process, world.chance.ms(50, 400), () => void this.start());
  }

  private async start(): Promise<void> {
    const { node, spec, world } = this;
    if (node.executor?.process.isAlive === true) {
      world.tell(`${this.spec.executor} finds ${node.executor.spec.executor} on its node`);
      this.process.die();
      return;
    }
    this.hasPublished = node.executor?.hasPublished ?? false;
    node.executor = this;
    if (!(await this.clear())) {
      this.process.die();
      return;
    }
    this.hasPublished = true;
    const { passesOverMarks } = world.sabotage;
    const folder = {
      readMarks: () =>
        passesOverMarks
          ? []
          : [...node.marks].map(([job, cpus]) => ({ job, cpus, gpus: [] as number[] })),
      removeMarks: (jobs: ReadonlySet<JobId>) => {
        for (const job of jobs) node.marks.delete(job);
      },
      takeKillNotes: () => node.killNotes.splice(0),
    };
    const containment = this.containment();
    const spawner: Spawning = {
      start: (order, group, events) => this.spawn(order, group, events),
      close: () => this.closeSpawner(),
    };
    const functions = this.workers.start(spec, spawner, containment, (message) =>
      executor.outbox.sayNow(message),
    );
    const executor: Executor = new Executor(
      spec,
      folder,
      containment,
      (event, details) => {
        if (world.isTold)
          world.tell(`${this.spec.executor} ${event} ${JSON.stringify(details ?? {})}`);
      },
      {
        gone: (reason) => void this.leave(session, reason),
        isNodeShortOf: () => true,
        spawner,
        ...functions,
      },
    );
    this.executor = executor;
    this.isListening = true;
    executor.readMarks();
    tellKillNotes(folder, executor.outbox);
    const session = this.sessionOf(executor);
    world.within(this.process, world.chance.ms(5, 30), () => {
      const isBroken = world.chance.happens(world.weather.launchFails / 4);
      executor.setHookProblem(isBroken ? "the hook does not answer" : null);
      session.start();
    });
  }

  /** What a dead executor left is killed first. */
  private async clear(): Promise<boolean> {
    const { node, world } = this;
    const left = [...node.functions].filter((each) => each.isAlive);
    for (const each of left) each.die();
    const startedMs = this.process.monotonicMs;
    while (left.some((each) => each.isAlive)) {
      if (this.process.monotonicMs - startedMs > emptyMs) return false;
      await new Promise<void>((resolve) => world.within(this.process, emptyPollMs, resolve));
    }
    return true;
  }

  private sessionOf(executor: Executor): Session {
    const { spec } = this;
    return new Session(
      {
        host: spec.daemonHost,
        port: spec.daemonPort,
        executor: spec.executor,
        secret: spec.secret,
      },
      spec.orphanMs,
      this.world.chance.share,
      {
        onConnected: (connection) => executor.onConnected((message) => connection.send(message)),
        onMessage: (message) => executor.onMessage(message),
        onLost: () => executor.onLost(),
        onTrouble: () => {},
        onOrphaned: () => {
          this.world.books.causes.takes(this.spec.executor);
          void executor.leave(`it had no connection to gleanerd for ${this.spec.orphanMs} ms`);
        },
      },
      () => this.connect(),
    );
  }

  /** As connectToDaemon: resolves with a connection whose ends have proved who they are. */
  private connect(): Promise<Link["executor"]> {
    const { world, process, node, daemonHost } = this;
    return new Promise((resolve, reject) => {
      const refused = (afterMs: number) =>
        world.within(process, afterMs, () =>
          reject(new GleanerError("UNREACHABLE", "no daemon answers")),
        );
      const daemon = daemonHost.listening;
      if (world.cutOff.has(node.name)) refused(5_000);
      else if (daemon === null) refused(0.2);
      else {
        const link = new Link(world, daemon.process, process);
        // The daemon's side is through first, or the executor's; either may die in between.
        world.within(daemon.process, world.chance.ms(0.3, 2), () =>
          daemon.accept(this.spec.executor, link),
        );
        world.within(process, world.chance.ms(0.3, 2), () => {
          this.link = link;
          resolve(link.executor);
        });
      }
    });
  }

  private async leave(session: Session, _reason: string): Promise<void> {
    await session.close();
    this.isListening = false;
    await new Promise<void>((resolve) => this.world.within(this.process, 1, resolve));
    if (this.node.executor === this) this.node.executor = null;
    this.process.die();
  }

  /** The hook's line of an arriving job. */
  begin(line: BeginLine): Promise<number> {
    const freed = this.executor!.begin(line);
    return this.world.sabotage.answersAtOnce ? Promise.resolve(0) : freed;
  }

  handleEnd(job: JobId): void {
    this.executor!.end(job);
  }

  private get mine(): SimulatedRun[] {
    return [...this.groups].flatMap(({ run }) => run ?? []);
  }

  private containment(): Containment {
    return {
      kind: "cgroup2",
      killFile: "/simulated/cgroup.kill",
      openGroup: () => {
        const group = new SimulatedGroup((empty) => this.groups.delete(empty));
        this.groups.add(group);
        return group;
      },
      killAll: () => {
        for (const each of this.mine) each.killStarted();
        return true;
      },
      isEmpty: () => !this.mine.some((each) => each.isAlive),
      hurry: () => {},
      rehearseMove: async () => {},
      limit: () => {},
      confine: () => {},
      close: async () => {},
    };
  }

  private spawn(order: SpawnOrder, group: AttemptGroup, events: ProcessEvents): RunHandle {
    const simulated = group as SimulatedGroup;
    const run = this.workers.runOf(order, simulated, events) ?? this.functionRun(order, events);
    simulated.run = run;
    return {
      terminate: () => run.terminate(),
      notify: () => {}, // its functions ask for none
      kill: () => {
        group.kill();
        run.kill();
      },
    };
  }

  /** Kills what still runs, and waits until it is gone. */
  private async closeSpawner(): Promise<void> {
    for (const each of this.mine) each.die();
    while (this.mine.some((each) => each.isAlive))
      await new Promise<void>((resolve) => this.world.within(this.process, emptyPollMs, resolve));
  }

  private functionRun(order: SpawnOrder, events: ProcessEvents): FunctionRun {
    return new FunctionRun(this.world, this.node, this.process, order, this.spec, events);
  }
}
