// A worker's process under a simulated glean-spawn: it starts, says hello, runs its program, and is
// frozen, killed, or ends by itself.

import type { ProcessEvents, RunEnd } from "../../../../src/executor/runtimes/runtime.js";
import type { ExpectedWorker } from "../../../../src/executor/workers/worker-socket.js";
import type { ExecutorId } from "../../../../src/model/ids.js";
import type { AttemptKey } from "../../../../src/wire/messages.js";
import { FrameDecoder, wholeFrames } from "../../../../src/wire/worker/frame.js";
import type { SimulatedGroup } from "../../site/group.js";
import type { Share, SimulatedNode, SimulatedRun } from "../../site/node.js";
import type { World } from "../../site/world.js";
import type { Process } from "../../timeline.js";
import { killedFirst, nothingRan, withoutFolder } from "./ends.js";
import { type Held, HeldCalls } from "./held-calls.js";
import { type HowEnded, type Order, type WorkerProcess, WorkerProgram } from "./program.js";
import * as says from "./says.js";
import { tasksIn } from "./serves.js";
import { WorkerWire } from "./wire.js";

/** A process that certainly is not on this machine: what it uses must not be read there. */
const pid = 2 ** 30;
/** The executor freezes an idle worker sooner, unless it hangs itself. */
const unfrozenMs = 100;
/** It is resumed before it is written to. */
const resumedMs = 1_000;

export class WorkerRun implements SimulatedRun, WorkerProcess {
  key: AttemptKey;
  readonly executor: ExecutorId;
  isAlive = false;
  private state: "joining" | "running" | "ended" = "joining";
  isDying = false;
  /** Its executor has heard of its end, and may still write what was on its way. */
  private isOver = false;
  private isFrozen = false;
  private readonly whileFrozen: (() => void)[] = [];
  readonly held = new HeldCalls();
  private readonly program = new WorkerProgram(this);
  private startUs = 0;
  private lastReportMs = 0;
  readonly wire: WorkerWire;
  private readonly decoder: FrameDecoder;

  constructor(
    readonly world: World,
    readonly node: SimulatedNode,
    private readonly process: Process,
    readonly order: Order,
    group: SimulatedGroup,
    private readonly events: ProcessEvents,
    private readonly expected: ExpectedWorker | undefined,
  ) {
    this.key = { invocation: order.invocation, attempt: order.attempt };
    const { taker } = group;
    if (taker !== null) this.held.add(taker);
    group.onTaken = (key) => this.taken(key);
    group.onBegun = (key) => this.begun(key);
    this.executor = process.name as ExecutorId;
    const sent = new FrameDecoder(
      tasksIn({
        onBegun: (key) => this.begins(key),
        onSent: (key) => this.wasSent(key),
      }),
    );
    this.wire = new WorkerWire(world, process, {
      onWritten: (bytes) => sent.push(bytes),
      onBytes: (bytes) => {
        // A cancel that comes after the answer may wait for the next call.
        if (this.isFrozen && !this.program.isBusy && !this.held.isEmpty) this.watchFrozen();
        this.thawed(() => this.read(bytes));
      },
      onClosed: () => this.thawed(() => this.end(0, 0)),
    });
    this.decoder = new FrameDecoder(wholeFrames((frame) => this.program.heard(frame)));
    node.functions.add(this);
    const { chance } = world;
    if (chance.happens(0.01)) this.vanish();
    else if (world.weather.sickNode === node.name)
      world.after(3, () => this.state === "joining" && this.neverBegins(withoutFolder));
    else world.after(chance.ms(1, 6), () => this.begin());
  }

  /** It was started before anybody called, and nobody has called since. */
  get isAhead(): boolean {
    return this.held.isEmpty && !this.program.isLoaded;
  }

  /** An idle worker holds none, and must be frozen; one that is started ahead leaves for a job. */
  get cores(): number {
    if (this.isAhead) return 0;
    const { isFrozen, process, program, world } = this;
    const sinceMs = Math.max(program.idleSinceMs, process.frozenUntilUs / 1_000);
    const runsFree = !this.isDying && !isFrozen && world.nowMs - sinceMs > unfrozenMs;
    return this.program.isBusy || runsFree ? this.order.cores : 0;
  }

  get memoryMb(): number {
    return this.dying === null ? this.order.memoryMb : 0;
  }

  /**
   * Killed without a call in it: it runs no user code, and the next call need not wait for its
   * memory, but a job must.
   */
  get dying(): Share | null {
    const isIdle = !this.program.isBusy || this.isAhead;
    return this.isDying && isIdle ? { cores: 0, memoryMb: this.order.memoryMb } : null;
  }

  /** It has loaded its code, and waits for a call. */
  get isIdle(): boolean {
    return (
      this.isAlive &&
      this.program.isLoaded &&
      !this.isDying &&
      !this.program.isBusy &&
      this.held.isEmpty
    );
  }

  /** workerKey of what it has loaded. */
  get pool(): string {
    return this.program.pool;
  }

  get name(): string {
    return `${this.node.name}: the worker of ${this.key.invocation}.${this.key.attempt}`;
  }

  private vanish(): void {
    this.state = "ended";
    this.node.functions.delete(this);
    const message = "glean-spawn ended without a report";
    this.report(() => {
      for (const { name } of this.held.all) this.world.books.causes.spawnVanished(name);
      this.events.onEnd({ kind: "vanished", message });
    });
  }

  private neverBegins(end: RunEnd & { kind: "failed" }): void {
    this.state = "ended";
    this.node.functions.delete(this);
    this.world.tell(`${this.name} cannot be started: ${end.message}`);
    this.report(() => {
      // Nothing ran, whenever its executor began to count.
      for (const held of this.held.all) this.ended(held, held.sinceUs ?? 0, nothingRan);
      this.events.onEnd(end);
    });
  }

  private begin(): void {
    if (this.state === "ended") return;
    const { world, node, process, expected } = this;
    const { chance } = world;
    this.state = "running";
    this.isAlive = true;
    this.startUs = world.timeline.nowUs;
    world.tell(`${this.name} starts${this.isAhead ? ", ahead of its calls" : ""}`);
    if (this.isAhead) world.books.counts.ahead++;
    world.books.checkNode(node, `a worker of ${this.key.invocation} started`);
    this.report(() => {
      for (const held of this.held.all) this.holds(held);
      this.events.onStarted(pid);
    });
    world.within(process, chance.ms(0.05, 1), () => expected?.onProtocol(this.wire.socket));
    this.later(chance.ms(3, 60), () => this.wire.say(says.hello()));
  }

  /** From here on the executor counts the time of this call in it. */
  private holds(held: Held): void {
    if (held.sinceUs !== null) return;
    this.held.holds(held, this.world.timeline.nowUs);
    this.world.books.holds(held.key, this.order.cores, this.order.memoryMb);
  }

  /** Something was sent to it: it has to be resumed. */
  private watchFrozen(): void {
    const { process, world } = this;
    world.within(process, resumedMs, () => {
      if (this.isFrozen && this.isAlive && !this.isDying)
        world.complain(`${this.name} stays frozen with something to read`);
    });
  }

  /**
   * From then on its executor counts the time of a call, whether or not it reaches the worker; but
   * what joins a start that another one pays counts once it is sent.
   */
  private taken(key: AttemptKey): void {
    const isFirst = this.held.isEmpty;
    if (!isFirst && !this.program.isLoaded) return;
    if (this.program.isLoaded) this.world.books.counts[isFirst ? "warm" : "shared"]++;
    const held = this.held.add(key);
    this.holds(held);
    if (this.program.isLoaded) this.program.endUnlessBegun(held);
  }

  private begins(key: AttemptKey): void {
    const { name, world } = this;
    if (this.isOver) return;
    if (this.held.isEmpty) world.complain(`${name} is sent ${key.invocation}, and has no call`);
    this.begun(key);
  }

  private wasSent(key: AttemptKey): void {
    const held = this.held.of(key);
    if (held !== undefined) held.isSent = true;
  }

  private begun(key: AttemptKey): void {
    const held = this.held.of(key) ?? this.held.add(key);
    if (held.sinceUs === null) this.world.books.counts.shared++;
    this.holds(held);
    held.isBegun = true;
  }

  private read(bytes: Buffer): void {
    if (this.state === "running") this.decoder.push(bytes);
  }

  ended(held: Held, atUs: number, how: HowEnded): void {
    const took = this.held.remove(held, atUs);
    if (took !== null) this.world.books.ended(held.key, { ...took, ...how });
  }

  end(exitCode: number, signal: number, oomKills = 0): void {
    if (this.state !== "running") return;
    const { world, node, startUs } = this;
    const endUs = world.timeline.nowUs;
    this.state = "ended";
    this.isAlive = false;
    node.functions.delete(this);
    world.tell(`${this.name} ended, ${exitCode}/${signal}`);
    const toNs = (us: number) => BigInt(node.bootedUs + us) * 1_000n;
    // An exit without an answer is an error of the code, whatever its status is.
    const isKilledForIt =
      (this.program.isBroken || this.program.isDeaf) && signal === 9 && oomKills === 0;
    const isError = signal === 0 || isKilledForIt;
    const cpuMs = this.program.serving === null ? 0 : world.chance.whole(0, 2_000);
    const how = isError ? { exitCode: 1, signal: 0, oomKills } : { exitCode: 0, signal, oomKills };
    this.wire.hangUp();
    this.report(() => {
      this.isOver = true;
      const { all } = this.held;
      const isOwn = this.program.isBroken || signal !== 9 || oomKills > 0;
      const keysOf = (some: readonly Held[]) => some.map(({ key }) => key);
      const { books } = this.world;
      if (isOwn && all.length > 1) {
        books.calls.mayDoom(keysOf(all.filter(({ isSent }) => isSent)));
        if (this.program.isLoaded)
          books.causes.interrupts(keysOf(all.filter(({ isSent }) => !isSent)));
      }
      const ended = { ...how, cpuMs: Math.round(cpuMs / all.length) };
      for (const held of all) this.ended(held, endUs, ended);
      this.events.onEnd({
        kind: "ended",
        ...{ exitCode, signal, oomKills, startNs: toNs(startUs), endNs: toNs(endUs) },
        ...{ cpuMs, maxRssMb: 1, brokenProcessLimit: null },
      });
    });
  }

  /** glean-spawn's reports arrive in their order. */
  private report(tell: () => void): void {
    const { world } = this;
    this.lastReportMs = Math.max(world.nowMs + world.chance.ms(0.05, 1), this.lastReportMs);
    world.within(this.process, this.lastReportMs - world.nowMs, tell);
  }

  later(afterMs: number, happen: () => void): void {
    this.world.after(afterMs, () => this.thawed(happen));
  }

  private thawed(happen: () => void): void {
    if (this.isFrozen) this.whileFrozen.push(() => this.thawed(happen));
    else if (this.state === "running" && !this.isDying) happen();
  }

  freeze(isFrozen: boolean): void {
    const { neverFreezes, neverThaws } = this.world.sabotage;
    if (isFrozen ? neverFreezes : neverThaws) return;
    this.isFrozen = isFrozen;
    if (!isFrozen) for (const happen of this.whileFrozen.splice(0)) happen();
  }

  terminate(): void {}

  killStarted(): void {
    if (this.state !== "running" || this.isDying) return;
    this.isDying = true;
    this.world.books.causes.killedWith(this.held.all.map(({ key }) => key));
    this.world.after(this.node.deathMs(), () => this.end(0, 9));
  }

  /** All of it: what was not begun never begins. */
  kill(): void {
    if (this.state !== "joining") this.killStarted();
    else this.neverBegins(killedFirst);
  }

  die(): void {
    this.kill();
  }
}
