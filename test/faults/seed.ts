// One seed: a world, its steps, and its end, when everything must have come to rest as promised.

import { useTime } from "../../src/clock.js";
import { checkRemains } from "./checker/remains.js";
import { Apis } from "./functions/api.js";
import { Callers } from "./functions/callers.js";
import { Lessees } from "./functions/lessees.js";
import { Owners } from "./functions/owners.js";
import { type Act, mixOf, type Often, usual } from "./mix.js";
import { DaemonHost, slowestLaunchMs } from "./site/daemon-host.js";
import { Disk } from "./site/disk.js";
import { Slurm } from "./site/slurm.js";
import { Users } from "./site/users.js";
import { type Sabotage, World } from "./site/world.js";

/** Longer than every patience in the daemon: adoption, pauses after failures, time limits. */
const longestQuietMs = 20 * 60_000;
const quietStepMs = 5_000;
const patientTries = 10;
/** Longer than unused contents and results are kept. */
const dayMs = 2 * 86_400_000;
/** Executors on drained nodes have left by then. */
const lingerMs = 15_000;

/** Most of the names that are called exist from the beginning. */
const firstDeploys = 8;

export interface SeedOptions {
  readonly seed: number;
  readonly steps: number;
  /** In place of the mix that the seed draws. */
  readonly often?: Often | undefined;
  readonly tell?: (line: string) => void;
  readonly sabotage?: Sabotage;
}

export interface SeedResult {
  readonly seed: number;
  /** Which acts had another weight than usual. */
  readonly often: Often;
  /** What did not hold; empty when all did. */
  readonly problems: readonly string[];
  readonly virtualMs: number;
  readonly events: number;
  readonly invocations: Readonly<World["books"]["counts"]>;
}

class Site {
  readonly world: World;
  readonly disk: Disk;
  readonly slurm: Slurm;
  readonly daemonHost: DaemonHost;
  readonly users: Users;
  readonly owners: Owners;
  readonly callers: Callers;
  readonly lessees: Lessees;
  private readonly acts: [number, () => void][];

  constructor({ seed, tell, sabotage }: SeedOptions, often: Often) {
    this.world = new World({ seed, tell: tell ?? null, sabotage: sabotage ?? {} });
    this.disk = new Disk(this.world);
    this.slurm = new Slurm(this.world);
    this.daemonHost = new DaemonHost(this.world, this.slurm, this.disk);
    this.users = new Users(this.world, this.daemonHost);
    const apis = new Apis(this.users);
    this.daemonHost.roundsOf = (daemon) => apis.warmRounds(daemon);
    this.owners = new Owners(this.world, this.users, apis);
    this.callers = new Callers(this.world, this.users, apis, this.owners);
    this.lessees = new Lessees(this.world, this.users, apis, this.owners);
    const acts = Object.entries(this.actions()) as [Act, () => void][];
    this.acts = acts.map(([name, act]) => [often[name] ?? usual[name], act]);
    this.world.tell(`weights of acts: ${JSON.stringify({ ...usual, ...often })}`);
  }

  /** Somebody does something, or something breaks. */
  act(): void {
    this.world.chance.weighted(this.acts)();
    this.reviveDaemon();
  }

  private actions(): Record<Act, () => void> {
    return {
      submit: () => this.users.submit(),
      call: () => this.callers.call(),
      map: () => this.callers.map(),
      lease: () => this.lessees.lease(),
      deploy: () => this.owners.deploy(),
      changeFunction: () => this.owners.change(),
      look: () => this.callers.look(),
      tidyUp: () => this.tidyUp(),
      submitJob: () => this.slurm.submit(),
      cancel: () => this.users.cancel(),
      changeLimit: () => this.users.changeLimit(),
      operate: () => this.operate(),
      changeWeather: () => this.changeWeather(),
      killDaemon: () => this.killDaemon(),
      stopDaemon: () => this.stopDaemon(),
      freezeDaemon: () => this.freezeDaemon(),
      hurtExecutor: () => this.hurtExecutor(),
      breakConnection: () => this.breakConnection(),
      loseNode: () => this.loseNode(),
      drainInSlurm: () => this.drainInSlurm(),
      setClock: () => this.setClock(),
      nothing: () => {},
      beginHabit: () => this.callers.beginHabit(),
    };
  }

  private tidyUp(isLater = false): void {
    const daemon = this.daemonHost.listening;
    if (daemon !== null) this.world.within(daemon.process, 0, () => void daemon.clean(isLater));
  }

  private operate(): void {
    const { chance, nodes } = this.world;
    const node = chance.happens(0.2) ? "all" : chance.pick(nodes).name;
    this.users.operate(chance.happens(0.5) ? "drain" : "resume", node, chance.happens(0.3));
  }

  private changeWeather(): void {
    const { chance, weather } = this.world;
    weather.slurmSlowness = chance.pick([1, 1, 1, 10, 300]);
    weather.slurmAnswers = chance.pick(["right", "right", "right", "wrong", "never"]);
    weather.loadSlowness = chance.pick([1, 1, 30]);
    weather.diskSlowness = chance.pick([1, 1, 1, 20, 500]);
    weather.diskIsFull = chance.happens(0.1);
    weather.sickNode = chance.happens(0.25) ? chance.pick(this.world.nodes).name : null;
    weather.launchFails = chance.pick([0, 0, 0.3]);
    weather.slowKill = chance.pick([0, 0, 0.2]);
    weather.messageLost = chance.pick([0, 0, 0.005, 0.05]);
    weather.messageDoubled = chance.pick([0, 0, 0.1]);
    this.world.tell(`weather: ${JSON.stringify(weather)}`);
  }

  /** At once, or between any two of its effects to come. */
  private killDaemon(): void {
    const { daemonHost, world } = this;
    const process = daemonHost.running;
    if (process === null) return;
    if (world.chance.happens(0.3)) process.die();
    else process.doom = world.doom(30);
  }

  private stopDaemon(): void {
    this.world.tell("the daemon is stopped");
    this.daemonHost.stop();
  }

  private freezeDaemon(): void {
    const { running } = this.daemonHost;
    if (running !== null) this.freeze(running, this.world.chance.ms(50, 20_000));
  }

  private freeze(process: NonNullable<DaemonHost["running"]>, forMs: number): void {
    this.world.tell(`${process.name} hangs for ${Math.round(forMs)} ms`);
    const untilUs = this.world.timeline.nowUs + Math.round(forMs * 1_000);
    process.frozenUntilUs = Math.max(process.frozenUntilUs, untilUs);
    if (forMs < 10_000) return;
    for (const { executor } of this.world.nodes)
      if (executor?.process === process || this.daemonHost.running === process)
        executor?.link?.cut("one side hangs");
  }

  private hurtExecutor(): void {
    const { chance, nodes } = this.world;
    const executor = chance.pick(nodes).executor;
    if (executor?.process.isAlive !== true) return;
    chance.weighted<() => void>([
      [2, () => executor.process.die()],
      [
        1,
        () => {
          executor.process.doom = this.world.doom(5);
        },
      ],
      [3, () => this.freeze(executor.process, chance.pick([20, 150, 3_000, 15_000, 60_000]))],
    ])();
  }

  private breakConnection(): void {
    const { chance, nodes, cutOff } = this.world;
    const node = chance.pick(nodes);
    node.executor?.link?.cut("the network");
    if (chance.happens(0.5)) {
      cutOff.add(node.name);
      this.world.after(chance.ms(100, 60_000), () => cutOff.delete(node.name));
    }
  }

  private loseNode(): void {
    const { chance, nodes } = this.world;
    const node = chance.pick(nodes);
    if (!node.isUp) return;
    this.world.tell(`${node.name} loses power`);
    node.crash();
    this.world.after(chance.ms(100, 3_000), () => this.slurm.lost(node.name));
    this.world.after(chance.ms(4_000, 40_000), () => this.bringBack(node));
  }

  private bringBack(node: World["nodes"][number]): void {
    node.isUp = true;
    this.slurm.flags.delete(node.name);
  }

  private drainInSlurm(): void {
    const { chance, nodes } = this.world;
    const { name, isUp } = chance.pick(nodes);
    if (!isUp) return;
    this.slurm.flags.set(name, chance.pick(["DRAIN", "MAINT", "REBOOT_REQUESTED"]));
    this.world.after(chance.ms(1_000, 30_000), () => {
      if (this.world.node(name).isUp) this.slurm.flags.delete(name);
    });
  }

  /** The daemon's machine: its next process labels with another time. */
  private setClock(): void {
    const { world } = this;
    world.wallShiftMs = world.chance.pick([-86_400_000, -5_000, 0, 3_000, 3_600_000]);
    world.tell(`the wall clock is set by ${world.wallShiftMs} ms`);
  }

  /** What systemd does. */
  private reviveDaemon(): void {
    const { world, daemonHost } = this;
    if (daemonHost.running !== null || this.isReviving) return;
    this.isReviving = true;
    world.after(world.chance.pick([100, 1_000, 5_000, 40_000]), () => {
      this.isReviving = false;
      daemonHost.start();
    });
  }
  private isReviving = false;

  /** No more faults, no more work: everything must come to its end. */
  async rest(): Promise<void> {
    const { world, slurm, daemonHost, users } = this;
    const heal = () => {
      world.clearUp();
      for (const node of world.nodes) if (!node.isUp) this.bringBack(node);
      slurm.flags.clear();
      slurm.endAll();
      const { running } = daemonHost;
      if (running !== null) running.doom = null;
      users.operate("resume", "all", false);
      this.reviveDaemon();
    };
    world.tell("from now on nothing breaks");
    world.isAtRest = true;
    for (let restedMs = 0; restedMs < longestQuietMs; restedMs += quietStepMs) {
      heal();
      await world.timeline.run(quietStepMs);
      const isServed = users.clients.unanswered === 0 && daemonHost.listening !== null;
      if (isServed && world.books.isQuiet && restedMs >= lingerMs && !this.anyHangs) break;
    }
    await this.readAll();
    // gleanerd itself may have begun something meanwhile.
    for (let tries = 0; !world.books.isQuiet && tries < patientTries; tries++)
      await world.timeline.run(quietStepMs);
    world.books.close(this.disk);
    await this.emptyNodes();
  }

  /** Everybody reads all their answers; some are lost on their way, and asked for again. */
  private async readAll(): Promise<void> {
    const { callers, users, world } = this;
    callers.readAll();
    for (let tries = 0; users.clients.unanswered > 0 && tries < patientTries; tries++)
      await world.timeline.run(quietStepMs);
    if (users.clients.unanswered > 0) world.complain("a user cannot read what has ended");
  }

  private get anyHangs(): boolean {
    const { nodes, timeline } = this.world;
    return nodes.some(({ executor }) => (executor?.process.frozenUntilUs ?? 0) > timeline.nowUs);
  }

  /** The kill switch: afterwards no executor is left. */
  private async emptyNodes(): Promise<void> {
    const { world, users } = this;
    users.operate("drain", "all", true);
    // A start that was under way is told to stop once it connects.
    await world.timeline.run(slowestLaunchMs + lingerMs);
    for (const { name, functions, executor } of world.nodes) {
      if ([...functions].some((each) => each.isAlive))
        world.complain(`a function is left on ${name}`);
      if (executor?.process.isAlive === true) world.complain(`an executor is left on ${name}`);
    }
  }

  /** A day later, what nobody needs is removed, and nothing else. */
  async clean(): Promise<void> {
    const { daemonHost, disk, world } = this;
    daemonHost.stop();
    for (let tries = 0; daemonHost.running !== null && tries < patientTries; tries++)
      await world.timeline.run(quietStepMs);
    world.wallShiftMs = world.nowMs + dayMs;
    daemonHost.start();
    await world.timeline.run(quietStepMs);
    this.tidyUp(true);
    await world.timeline.run(2 * quietStepMs);
    checkRemains(world, disk, daemonHost.contents);
  }
}

/** Mostly moments, now and then as long as the patience of some part. */
function pauseOf(world: World): number {
  const { chance } = world;
  return chance.weighted([
    [60, chance.ms(0.1, 50)],
    [25, chance.ms(50, 1_000)],
    [12, chance.ms(1_000, 5_000)],
    [3, chance.ms(5_000, 40_000)],
  ]);
}

/** Runs one seed; never throws for what does not hold. Worlds share the clock, so one at a time. */
export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const often = options.often ?? mixOf(options.seed);
  const site = new Site(options, often);
  const { world } = site;
  const goBack = useTime(world.timeline);
  const onRejection = (thrown: unknown) => world.broke(thrown);
  process.on("unhandledRejection", onRejection);
  try {
    site.daemonHost.start();
    for (let first = 0; first < firstDeploys; first++) site.owners.deploy();
    if (world.chance.happens(0.5)) site.callers.beginHabit();
    for (let step = 0; step < options.steps && world.problems.length === 0; step++) {
      site.act();
      await world.timeline.run(pauseOf(world));
    }
    if (world.problems.length === 0) await site.rest();
    if (world.problems.length === 0) await site.clean();
    // Rejections that nobody handles are told when node's own loop goes on.
    await new Promise((resolve) => globalThis.setImmediate(resolve));
  } finally {
    process.off("unhandledRejection", onRejection);
    goBack();
    site.disk.close();
  }
  const { timeline, books, problems } = world;
  return {
    seed: options.seed,
    often,
    problems,
    virtualMs: timeline.nowUs / 1_000,
    events: timeline.happened,
    invocations: books.counts,
  };
}
