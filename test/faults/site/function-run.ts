// One attempt under a simulated glean-spawn: it begins, uses its cores, ends by itself or is
// killed, and is reported.

import type { RunEnd, RunEvents } from "../../../src/executor/runtimes/runtime.js";
import type { SpawnOrder } from "../../../src/executor/runtimes/spawn-request.js";
import type { ExecutorId } from "../../../src/model/ids.js";
import type { LaunchSpec } from "../../../src/wire/launch.js";
import type { AttemptKey } from "../../../src/wire/messages.js";
import type { Process } from "../timeline.js";
import type { SimulatedNode, SimulatedRun } from "./node.js";
import type { World } from "./world.js";

/** Of the invocations whose command is killed for memory, every so many for that of the node. */
const nodeIsFullEvery = 8;

export class FunctionRun implements SimulatedRun {
  readonly key: AttemptKey;
  readonly executor: ExecutorId;
  readonly cores: number;
  readonly memoryMb: number;
  /** Its processes are there. */
  isAlive = false;
  readonly dying = null;
  private state: "joining" | "running" | "ended" = "joining";
  private isDying = false;
  private startNs = 0n;

  constructor(
    private readonly world: World,
    private readonly node: SimulatedNode,
    private readonly process: Process,
    order: SpawnOrder,
    spec: LaunchSpec,
    private readonly events: RunEvents,
  ) {
    this.key = { invocation: order.invocation, attempt: order.attempt };
    this.executor = spec.executor;
    this.cores = order.cores;
    this.memoryMb = order.memoryMb;
    node.functions.add(this);
    world.books.ordered(this.key);
    if (world.chance.happens(0.01)) this.vanish();
    else if (world.weather.sickNode === node.name) world.after(3, () => this.failToStart());
    else world.after(world.chance.ms(1, 6), () => this.begin(order));
  }

  /** glean-spawn itself is killed, or cannot be run. */
  private vanish(): void {
    this.state = "ended";
    this.world.books.causes.spawnVanished(this.name);
    this.node.functions.delete(this);
    const end = { kind: "vanished", message: "glean-spawn ended without a report" } as const;
    this.world.within(this.process, 2, () => this.events.onEnd(end));
  }

  private failToStart(): void {
    if (this.state === "ended") return;
    this.state = "ended";
    this.node.functions.delete(this);
    const failure = { kind: "failed", stage: "chdir", errno: 2 } as const;
    const end: RunEnd = { ...failure, message: "its folder is not there", heldMs: 1 };
    this.world.tell(`${this.node.name}: ${this.name} cannot be started`);
    this.world.within(this.process, 1, () => this.events.onEnd(end));
  }

  private begin(order: SpawnOrder): void {
    if (this.state === "ended") return;
    const { world, node } = this;
    const { chance } = world;
    this.state = "running";
    this.isAlive = true;
    this.startNs = this.machineNs;
    world.tell(`${node.name}: ${this.name} starts on ${this.cores} cores`);
    world.books.holds(this.key, this.cores, this.memoryMb);
    world.books.checkNode(node, `attempt ${this.name} started`);
    world.within(this.process, chance.ms(0.05, 1), () => this.events.onStarted(process.pid));
    const lastsMs = chance.weighted([
      [world.isBrisk ? 400 : 5, chance.ms(1, world.isBrisk ? 5 : 50)],
      [3, chance.ms(50, 2_000)],
      [1, chance.ms(2_000, 20_000)],
      [0.3, order.timeLimitMs * 2],
    ]);
    const exit = chance.weighted<[number, number]>([
      [20, [0, 0]],
      [2, [1, 0]],
      [1, [0, 1]],
    ]);
    world.after(lastsMs, () => this.end(exit[0], 0, exit[1]));
  }

  private get name(): string {
    return `${this.key.invocation}.${this.key.attempt}`;
  }

  private get machineNs(): bigint {
    return BigInt(this.node.bootedUs + this.world.timeline.nowUs) * 1_000n;
  }

  private end(exitCode: number, signal: number, oomKills: number): void {
    if (this.state !== "running") return;
    this.state = "ended";
    this.isAlive = false;
    this.node.functions.delete(this);
    const { world } = this;
    const isFull = oomKills > 0 && this.key.invocation % nodeIsFullEvery === 0;
    const nodeWasFull = isFull && !world.isAtRest;
    if (nodeWasFull) world.books.causes.takes(this.executor);
    const end: RunEnd = {
      kind: "ended",
      exitCode,
      signal,
      startNs: this.startNs,
      endNs: this.machineNs,
      cpuMs: 0,
      maxRssMb: 1,
      oomKills,
      ...(nodeWasFull && { nodeWasFull }),
      brokenProcessLimit: null,
    };
    const wallMs = Number((end.endNs - end.startNs) / 1_000_000n);
    world.books.ended(this.key, { wallMs, exitCode, signal, oomKills });
    world.tell(
      `${this.node.name}: ${this.name} ended after ${wallMs} ms, ${exitCode}/${signal}${nodeWasFull ? ", its node is full" : ""}`,
    );
    world.within(this.process, world.chance.ms(0.1, 2), () => this.events.onEnd(end));
  }

  /** SIGTERM; not all heed it. */
  terminate(): void {
    const { chance } = this.world;
    if (chance.happens(0.8)) this.world.after(chance.ms(0.5, 50), () => this.end(0, 15, 0));
  }

  /** What is in its group. */
  killStarted(): void {
    if (this.state !== "running" || this.isDying) return;
    this.isDying = true;
    this.world.after(this.node.deathMs(), () => this.end(0, 9, 0));
  }

  /** Its cores are taken away only for a job whose cores are unknown, which ends it here. */
  freeze(): void {}

  /** All of it: what was not begun never begins. */
  kill(): void {
    if (this.state !== "joining") {
      this.killStarted();
      return;
    }
    this.state = "ended";
    this.node.functions.delete(this);
    const end = {
      kind: "failed",
      stage: "start",
      errno: 0,
      message: "killed before it began",
      heldMs: 0,
    } as const;
    this.world.within(this.process, 1, () => this.events.onEnd(end));
  }

  die(): void {
    this.kill();
  }
}
