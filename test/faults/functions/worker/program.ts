// The runtime's program in a simulated worker: loads its code, answers calls, serves leases, and
// hears of cancels.

import type { SpawnOrder, WorkerStart } from "../../../../src/executor/runtimes/spawn-request.js";
import { workerKey } from "../../../../src/model/call.js";
import { versionId } from "../../../../src/model/ids.js";
import type { AttemptKey } from "../../../../src/wire/messages.js";
import type { Frame } from "../../../../src/wire/worker/frame.js";
import { decodeLoad, type Load } from "../../../../src/wire/worker/messages.js";
import type { SimulatedNode } from "../../site/node.js";
import type { World } from "../../site/world.js";
import { codeIn, hashOf, resultOf } from "../bundles.js";
import { deaths, type Input, inputIn } from "../inputs.js";
import { nothingRan } from "./ends.js";
import type { Call, Held, HeldCalls } from "./held-calls.js";
import * as says from "./says.js";
import { keyOfCall, keyOfServe, serve } from "./serves.js";
import type { WorkerWire } from "./wire.js";

/** How many calls leave something behind that ends the process. */
const leavesShare = 0.02;

export type Order = SpawnOrder & { readonly command: WorkerStart };

export interface HowEnded {
  readonly exitCode: number;
  readonly signal: number;
  readonly oomKills: number;
  readonly cpuMs?: number;
}

/** The process in which it runs. */
export interface WorkerProcess {
  readonly world: World;
  readonly node: SimulatedNode;
  readonly order: Order;
  readonly held: HeldCalls;
  readonly wire: WorkerWire;
  readonly name: string;
  readonly isDying: boolean;
  /** What it works on, or did last. */
  key: AttemptKey;
  /** Not while it is frozen, and not once it has ended. */
  later(afterMs: number, happen: () => void): void;
  end(exitCode: number, signal: number, oomKills?: number): void;
  ended(held: Held, atUs: number, how: HowEnded): void;
}

export class WorkerProgram {
  /** It runs user code: it loads, or has a call. */
  isBusy = true;
  idleSinceMs = 0;
  /** Its executor knows that its code is loaded. */
  isLoaded = false;
  /** The executor has given up its connection. */
  isBroken = false;
  /** Its executor has read that it leaves, and reads nothing more. */
  private hasLeft = false;
  /** It does not stop to serve: its executor kills it. */
  isDeaf = false;
  /** workerKey of what it has loaded. */
  pool = "";
  /** The id of the last lease that it served. */
  serving: number | null = null;
  private loaded: Load | null = null;
  private readonly calls = new Map<number, Call>();

  constructor(private readonly run: WorkerProcess) {}

  heard(frame: Frame): void {
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
        this.run.end(0, 0);
    }
  }

  private load(load: Load): void {
    this.loaded = load;
    const { uid, cores, memoryMb } = this.run.order;
    this.pool = workerKey({ uid, version: versionId(hashOf(this.code)), cores, memoryMb, gpus: 0 });
    const { loading } = codeIn(this.code);
    const { chance, weather } = this.run.world;
    this.run.later(chance.ms(1, 150) * weather.loadSlowness, () => {
      if (loading === "exits") this.run.end(1, 0);
      else if (loading === "works") {
        this.run.wire.say(says.loaded(load), () => this.heardLoaded());
      } else {
        this.answer(null, says.loadFailed(), 1, { kind: "notLoaded" });
      }
    });
  }

  private heardLoaded(): void {
    this.isLoaded = true;
    const [starter] = this.run.held.all;
    if (starter === undefined) this.becomesIdle();
    else if (!this.run.isDying) this.endUnlessBegun(starter);
  }

  /** A lease that is over, and a call that only loads, end without a word to the worker. */
  endUnlessBegun(held: Held): void {
    const { world } = this.run;
    const atUs = world.timeline.nowUs;
    // After the executor's turn, in which it sends what the worker is to do.
    world.after(0, () => {
      if (this.run.held.of(held.key) !== held || held.isBegun) return;
      world.books.calls.answered(held.key, { kind: "result", text: "" });
      this.run.ended(held, atUs, nothingRan);
      this.becomesIdle();
    });
  }

  /** Unless others are in it. */
  private becomesIdle(): void {
    this.isBusy = this.calls.size > 0;
    this.idleSinceMs = this.run.world.nowMs;
  }

  /** What it finds in its folder. */
  private get code(): Buffer {
    return this.run.node.codeIn(this.loaded!.directory);
  }

  private call({ id, metadata, payload }: Frame): void {
    const { run } = this;
    const { world, node, order, wire } = run;
    const key = keyOfCall(metadata);
    run.key = key;
    const call = { id, key };
    this.calls.set(id, call);
    this.isBusy = true;
    world.tell(`${run.name} gets its call`);
    const input = inputIn(payload);
    world.books.ordered(key);
    world.books.calls.ran(key, { version: hashOf(this.code), uid: order.uid, payload });
    world.books.checkNode(node, `call ${key.invocation} began`);
    if (input.prints) wire.say(says.printed(id, `${input.call}.${key.attempt}\n`));
    const lastsMs = input.does === "hang" ? 2 * order.timeLimitMs : input.lastsMs;
    run.later(lastsMs, () => this.finish(call, input, payload));
  }

  private serve({ id, payload }: Frame): void {
    const { run } = this;
    const { world, node } = run;
    const key = keyOfServe(payload);
    run.key = key;
    this.calls.set(id, { id, key });
    this.serving = id;
    this.isBusy = true;
    world.tell(`${run.name} serves a lease`);
    world.books.ordered(key);
    world.books.counts.leased++;
    world.books.checkNode(node, `lease ${key.invocation} began`);
    const worker = {
      world,
      later: (afterMs: number, happen: () => void) => run.later(afterMs, happen),
      say: (frame: Buffer) => run.wire.say(frame),
      end: (...how: [number, number, number?]) => run.end(...how),
    };
    serve(worker, id, () => this.calls.has(id));
  }

  private finish(call: Call, { does }: Input, payload: Buffer): void {
    const { id } = call;
    if (!this.calls.has(id)) return;
    const { chance } = this.run.world;
    const death = deaths[does];
    if (death !== undefined) this.run.end(...death);
    else if (does === "throw")
      this.answer(call, says.failed(id, "exception"), 1, { kind: "exception" });
    else if (does === "overflow") {
      const { outputLimitBytes } = this.loaded!;
      // Another call in it may have sent garbage already.
      this.isBroken = chance.happens(0.5) || this.isBroken;
      if (this.isBroken) this.run.wire.say(says.tooMuch(id, outputLimitBytes + 1));
      else this.answer(call, says.failed(id, "output"), 1, { kind: "exception" });
    } else {
      const result = resultOf(hashOf(this.code), this.run.order.uid, payload);
      this.answer(call, says.returned(id, result), 0, { kind: "result", text: result });
      if (chance.happens(leavesShare)) this.run.later(chance.ms(0.5, 500), () => this.leaves(id));
    }
  }

  /**
   * A call that has ended ends the process: those that are in it now are not to blame. What it says
   * is in its executor's socket before its exit is.
   */
  private leaves(id: number): void {
    const { held, wire, world } = this.run;
    wire.say(says.leaves(id), () => {
      if (this.run.isDying) return;
      this.hasLeft = true;
      world.books.causes.interrupts(held.all.map(({ key }) => key));
      this.run.end(3, 0);
    });
  }

  /** null: of the call that waits for its start; `exitCode`: as the attempt's end will have it. */
  private answer(
    call: Call | null,
    frame: Buffer,
    exitCode: number,
    answer: { readonly kind: string; readonly text?: string },
  ): void {
    const { world } = this.run;
    if (call !== null) this.calls.delete(call.id);
    this.becomesIdle();
    // Nothing behind garbage is read.
    const isRead = !this.isBroken;
    this.run.wire.say(frame, () => {
      const held = call === null ? this.run.held.all[0] : this.run.held.of(call.key);
      // After a kill the call holds its cores until the process is gone, whatever was still said.
      if (held === undefined || this.run.isDying || this.hasLeft || !isRead) return;
      world.books.calls.answered(held.key, answer);
      this.run.ended(held, world.timeline.nowUs, { exitCode, signal: 0, oomKills: 0 });
    });
  }

  private cancelled(id: number): void {
    const { chance } = this.run.world;
    const call = this.calls.get(id);
    if (call === undefined) return;
    if (chance.happens(0.2)) {
      this.isDeaf ||= this.serving === id;
      return;
    }
    this.run.later(chance.ms(0.5, 50), () => {
      if (!this.calls.has(id)) return;
      if (this.serving === id) this.answer(call, says.returned(id, ""), 0, { kind: "served" });
      else this.answer(call, says.failed(id, "cancelled"), 1, { kind: "exception" });
    });
  }
}
