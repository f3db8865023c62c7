// A worker under a simulated glean-spawn: it starts, says hello, loads its code, answers calls, and
// is frozen, killed, or ends by itself.

import type { ProcessEvents, RunEnd } from "../../../src/executor/runtimes/runtime.js";
import type { SpawnOrder, WorkerStart } from "../../../src/executor/runtimes/spawn-request.js";
import type { ExpectedWorker } from "../../../src/executor/workers/worker-socket.js";
import { workerKey } from "../../../src/model/call.js";
import { type ExecutorId, versionId } from "../../../src/model/ids.js";
import type { AttemptKey } from "../../../src/wire/messages.js";
import { type Frame, FrameDecoder, wholeFrames } from "../../../src/wire/worker/frame.js";
import { decodeLoad, type Load } from "../../../src/wire/worker/messages.js";
import type { SimulatedGroup } from "../site/group.js";
import type { Share, SimulatedNode, SimulatedRun } from "../site/node.js";
import type { World } from "../site/world.js";
import type { Process } from "../timeline.js";
import { codeIn, hashOf, resultOf } from "./bundles.js";
import { type Call, type Held, HeldCalls } from "./held-calls.js";
import { deaths, type Input, inputIn } from "./inputs.js";
import { killedFirst, nothingRan, withoutFolder } from "./worker-ends.js";
import * as says from "./worker-says.js";
import { keyOfCall, keyOfServe, serve } from "./worker-serves.js";
import { WorkerWire } from "./worker-wire.js";

/** A process that certainly is not on this machine: what it uses must not be read there. */
const pid = 2 ** 30;
/** The executor freezes an idle worker sooner, unless it hangs itself. */
const unfrozenMs = 100;
/** It is resumed before it is written to. */
const resumedMs = 1_000;

type Order = SpawnOrder & { readonly command: WorkerStart };

export class WorkerRun implements SimulatedRun {
  key: AttemptKey;
  readonly executor: ExecutorId;
  isAlive = false;
  private state: "joining" | "running" | "ended" = "joining";
  private isDying = false;
  private isFrozen = false;
  private readonly whileFrozen: (() => void)[] = [];
  /** It runs user code: it loads, or has a call. */
  private isBusy = true;
  private idleSinceMs = 0;
  private readonly held = new HeldCalls();
  /** Its executor knows that its code is loaded. */
  private isLoaded = false;
  /** The executor has given up its connection. */
  private isBroken = false;
  /** It does not stop to serve: its executor kills it. */
  private isDeaf = false;
  private loaded: Load | null = null;
  /** workerKey of what it has loaded. */
  pool = "";
  private readonly calls = new Map<number, Call>();
  /** The id of the last lease that it served. */
  private serving: number | null = null;
  private startUs = 0;
  private lastReportMs = 0;
  private readonly wire: WorkerWire;
  private readonly decoder: FrameDecoder;

  constructor(
    private readonly world: World,
    private readonly node: SimulatedNode,
    private readonly process: Process,
    private readonly order: Order,
    group: SimulatedGroup,
    private readonly events: ProcessEvents,
    private readonly expected: ExpectedWorker | undefined,
  ) {
    this.key = { invocation: order.invocation, attempt: order.attempt };
    const { taker } = group;
    if (taker !== null) this.held.add(taker);
    group.onTaken = (key) => this.taken(key);
    this.executor = process.name as ExecutorId;
    const sent = new FrameDecoder(wholeFrames((frame) => this.wasSent(frame)));
    this.wire = new WorkerWire(world, process, {
      onWritten: (bytes) => sent.push(bytes),
      onBytes: (bytes) => {
        // A cancel that comes after the answer may wait for the next call.
        if (this.isFrozen && !this.isBusy && !this.held.isEmpty) this.watchFrozen();
        this.thawed(() => this.read(bytes));
      },
      onClosed: () => this.thawed(() => this.end(0, 0)),
    });
    this.decoder = new FrameDecoder(wholeFrames((frame) => this.heard(frame)));
    node.functions.add(this);
    const { chance } = world;
    if (chance.happens(0.01)) this.vanish();
    else if (world.weather.sickNode === node.name)
      world.after(3, () => this.state === "joining" && this.neverBegins(withoutFolder));
    else world.after(chance.ms(1, 6), () => this.begin());
  }

  /** It was started before anybody called, and nobody has called since. */
  get isAhead(): boolean {
    return this.held.isEmpty && !this.isLoaded;
  }

  /** An idle worker holds none, and must be frozen; one that is started ahead leaves for a job. */
  get cores(): number {
    if (this.isAhead) return 0;
    const { idleSinceMs, isFrozen, process, world } = this;
    const sinceMs = Math.max(idleSinceMs, process.frozenUntilUs / 1_000);
    const runsFree = !this.isDying && !isFrozen && world.nowMs - sinceMs > unfrozenMs;
    return this.isBusy || runsFree ? this.order.cores : 0;
  }

  get memoryMb(): number {
    return this.dying === null ? this.order.memoryMb : 0;
  }

  /**
   * Killed without a call in it: it runs no user code, and the next call need not wait for its
   * memory, but a job must.
   */
  get dying(): Share | null {
    const isIdle = !this.isBusy || this.isAhead;
    return this.isDying && isIdle ? { cores: 0, memoryMb: this.order.memoryMb } : null;
  }

  /** It has loaded its code, and waits for a call. */
  get isIdle(): boolean {
    return this.isAlive && this.isLoaded && !this.isDying && !this.isBusy && this.held.isEmpty;
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
    if (!isFirst && !this.isLoaded) return;
    if (this.isLoaded) this.world.books.counts[isFirst ? "warm" : "shared"]++;
    const held = this.held.add(key);
    this.holds(held);
    if (this.isLoaded) this.endUnlessBegun(held);
  }

  private wasSent({ type, metadata, payload }: Frame): void {
    if (type !== "call" && type !== "serve") return;
    const key = type === "call" ? keyOfCall(metadata) : keyOfServe(payload);
    const { name, world } = this;
    if (this.held.isEmpty) world.complain(`${name} is sent ${key.invocation}, and has no call`);
    const held = this.held.of(key) ?? this.held.add(key);
    if (!held.isBegun && held.sinceUs === null) world.books.counts.shared++;
    this.holds(held);
    held.isBegun = true;
  }

  private read(bytes: Buffer): void {
    if (this.state === "running") this.decoder.push(bytes);
  }

  private heard(frame: Frame): void {
    switch (frame.type) {
      case "load":
        this.load(decodeLoad(frame.payload));
        break;
      case "call":
        this.call(frame);
        break;
      case "serve":
        this.serve(frame);
        break;
      case "cancel":
        this.cancelled(frame.id);
        break;
      case "bye":
        this.end(0, 0);
    }
  }

  private load(load: Load): void {
    this.loaded = load;
    const { uid, cores, memoryMb } = this.order;
    this.pool = workerKey({ uid, version: versionId(hashOf(this.code)), cores, memoryMb, gpus: 0 });
    const { loading } = codeIn(this.code);
    const { chance, weather } = this.world;
    this.later(chance.ms(1, 150) * weather.loadSlowness, () => {
      if (loading === "exits") this.end(1, 0);
      else if (loading === "works") {
        this.wire.say(says.loaded(load), () => this.heardLoaded());
      } else {
        this.answer(null, says.loadFailed(), 1, { kind: "notLoaded" });
      }
    });
  }

  private heardLoaded(): void {
    this.isLoaded = true;
    const [starter] = this.held.all;
    if (starter === undefined) this.becomesIdle();
    else if (!this.isDying) this.endUnlessBegun(starter);
  }

  /** A lease that is over, and a call that only loads, end without a word to the worker. */
  private endUnlessBegun(held: Held): void {
    const { world } = this;
    const atUs = world.timeline.nowUs;
    // After the executor's turn, in which it sends what the worker is to do.
    world.after(0, () => {
      if (this.held.of(held.key) !== held || held.isBegun) return;
      world.books.calls.answered(held.key, { kind: "result", text: "" });
      this.ended(held, atUs, nothingRan);
      this.becomesIdle();
    });
  }

  /** Unless others are in it. */
  private becomesIdle(): void {
    this.isBusy = this.calls.size > 0;
    this.idleSinceMs = this.world.nowMs;
  }

  /** What it finds in its folder. */
  private get code(): Buffer {
    return this.node.codeIn(this.loaded!.directory);
  }

  private call({ id, metadata, payload }: Frame): void {
    const { world, node } = this;
    this.key = keyOfCall(metadata);
    const call = { id, key: this.key };
    this.calls.set(id, call);
    this.isBusy = true;
    world.tell(`${this.name} gets its call`);
    const input = inputIn(payload);
    world.books.ordered(this.key);
    world.books.calls.ran(this.key, { version: hashOf(this.code), uid: this.order.uid, payload });
    world.books.checkNode(node, `call ${this.key.invocation} began`);
    if (input.prints) this.wire.say(says.printed(id, `${input.call}.${this.key.attempt}\n`));
    const lastsMs = input.does === "hang" ? 2 * this.order.timeLimitMs : input.lastsMs;
    this.later(lastsMs, () => this.finish(call, input, payload));
  }

  private serve({ id, payload }: Frame): void {
    const { world, node } = this;
    this.key = keyOfServe(payload);
    this.calls.set(id, { id, key: this.key });
    this.serving = id;
    this.isBusy = true;
    world.tell(`${this.name} serves a lease`);
    world.books.ordered(this.key);
    world.books.counts.leased++;
    world.books.checkNode(node, `lease ${this.key.invocation} began`);
    const worker = {
      world,
      later: (afterMs: number, happen: () => void) => this.later(afterMs, happen),
      say: (frame: Buffer) => this.wire.say(frame),
      end: (...how: [number, number, number?]) => this.end(...how),
    };
    serve(worker, id, () => this.calls.has(id));
  }

  private finish(call: Call, { does }: Input, payload: Buffer): void {
    const { id } = call;
    if (!this.calls.has(id)) return;
    const { chance } = this.world;
    const death = deaths[does];
    if (death !== undefined) this.end(...death);
    else if (does === "throw")
      this.answer(call, says.failed(id, "exception"), 1, { kind: "exception" });
    else if (does === "overflow") {
      const { outputLimitBytes } = this.loaded!;
      this.isBroken = chance.happens(0.5);
      if (this.isBroken) this.wire.say(says.tooMuch(id, outputLimitBytes + 1));
      else this.answer(call, says.failed(id, "output"), 1, { kind: "exception" });
    } else {
      const result = resultOf(hashOf(this.code), this.order.uid, payload);
      this.answer(call, says.returned(id, result), 0, { kind: "result", text: result });
    }
  }

  /** null: of the call that waits for its start; `exitCode`: as the attempt's end will have it. */
  private answer(
    call: Call | null,
    frame: Buffer,
    exitCode: number,
    answer: { readonly kind: string; readonly text?: string },
  ): void {
    const { world } = this;
    if (call !== null) this.calls.delete(call.id);
    this.becomesIdle();
    // Nothing behind garbage is read.
    const isRead = !this.isBroken;
    this.wire.say(frame, () => {
      const held = call === null ? this.held.all[0] : this.held.of(call.key);
      // After a kill the call holds its cores until the process is gone, whatever was still said.
      if (held === undefined || this.isDying || !isRead) return;
      world.books.calls.answered(held.key, answer);
      this.ended(held, world.timeline.nowUs, { exitCode, signal: 0, oomKills: 0 });
    });
  }

  private ended(
    held: Held,
    atUs: number,
    how: { exitCode: number; signal: number; oomKills: number; cpuMs?: number },
  ): void {
    const took = this.held.remove(held, atUs);
    if (took !== null) this.world.books.ended(held.key, { ...took, ...how });
  }

  private cancelled(id: number): void {
    const { chance } = this.world;
    const call = this.calls.get(id);
    if (call === undefined) return;
    if (chance.happens(0.2)) {
      this.isDeaf ||= this.serving === id;
      return;
    }
    this.later(chance.ms(0.5, 50), () => {
      if (!this.calls.has(id)) return;
      if (this.serving === id) this.answer(call, says.returned(id, ""), 0, { kind: "served" });
      else this.answer(call, says.failed(id, "cancelled"), 1, { kind: "exception" });
    });
  }

  private end(exitCode: number, signal: number, oomKills = 0): void {
    if (this.state !== "running") return;
    const { world, node, startUs } = this;
    const endUs = world.timeline.nowUs;
    this.state = "ended";
    this.isAlive = false;
    node.functions.delete(this);
    world.tell(`${this.name} ended, ${exitCode}/${signal}`);
    const toNs = (us: number) => BigInt(node.bootedUs + us) * 1_000n;
    // An exit without an answer is an error of the code, whatever its status is.
    const isKilledForIt = (this.isBroken || this.isDeaf) && signal === 9 && oomKills === 0;
    const isError = signal === 0 || isKilledForIt;
    const cpuMs = this.serving === null ? 0 : world.chance.whole(0, 2_000);
    const how = isError ? { exitCode: 1, signal: 0, oomKills } : { exitCode: 0, signal, oomKills };
    this.wire.hangUp();
    this.report(() => {
      const { all } = this.held;
      const isOwn = this.isBroken || signal !== 9 || oomKills > 0;
      if (isOwn) this.world.books.calls.mayDoom(all.map(({ key }) => key));
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

  private later(afterMs: number, happen: () => void): void {
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
