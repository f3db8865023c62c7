// The network between daemon and executors: in order or not at all, like TCP, with breaks that
// either side may notice late.

import type { GleanerError } from "../../../src/model/errors.js";
import { GleanerError as Failure } from "../../../src/model/errors.js";
import { checkDaemonMessage, checkExecutorMessage } from "../../../src/wire/checks.js";
import type { Handlers } from "../../../src/wire/connection.js";
import { type DaemonMessage, type ExecutorMessage, silenceMs } from "../../../src/wire/messages.js";
import type { Process } from "../timeline.js";
import type { World } from "./world.js";

/** A side looks for silence with each beat. */
const noticeMs = 2_000;

interface Typed {
  readonly type: string;
}

/** One side of a connection: what the daemon and the executor use of the real one. */
export class End<Out extends Typed, In extends Typed> {
  other!: End<In, Out>;
  private handlers: Handlers<Out, In> | null = null;
  private closed: GleanerError | null | undefined;
  /** What came before anybody listened. */
  private early: In[] = [];
  private lastArrivalMs = 0;

  /** `arriving`: what becomes of a message of this side on its way. */
  constructor(
    private readonly link: Link,
    readonly process: Process,
    private readonly arriving: (message: Out) => readonly Out[],
  ) {}

  listen(handlers: Handlers<Out, In>): void {
    this.handlers = handlers;
    for (const message of this.early.splice(0)) this.hear(message);
    if (this.closed !== undefined) handlers.onClose(this.closed);
  }

  send(message: Out): boolean {
    if (this.closed !== undefined) return false;
    this.process.act(() => this.post(message));
    return true;
  }

  private post(message: Out): void {
    const { world } = this.link;
    if (this.link.isCut) return;
    const { weather, chance } = world;
    if (chance.happens(weather.messageLost)) {
      this.link.cut(`${message.type} is lost`);
      return;
    }
    const isDoubled = chance.happens(weather.messageDoubled);
    for (const arriving of this.arriving(message)) {
      const arrive = () => this.other.hear(arriving as never);
      this.deliver(arrive);
      if (!isDoubled) continue;
      // A report is told again whenever it may not have been heard, so its double may come late;
      // but never before what was sent before it, such as a `ready` that is slow.
      if (message.type === "ended") {
        const laterMs = Math.max(chance.ms(0, 3_000), this.lastArrivalMs - world.nowMs);
        world.within(this.other.process, laterMs, arrive);
      } else this.deliver(arrive);
    }
  }

  private deliver(arrive: () => void): void {
    const { world } = this.link;
    const latencyMs = world.chance.happens(0.01)
      ? world.chance.ms(5, 400)
      : world.chance.ms(0.1, 1);
    const atMs = Math.max(world.nowMs + latencyMs, this.lastArrivalMs);
    this.lastArrivalMs = atMs;
    world.within(this.other.process, atMs - world.nowMs, arrive);
  }

  private hear(message: In): void {
    if (this.closed !== undefined) return;
    if (this.handlers === null) {
      this.early.push(message);
      return;
    }
    const { world } = this.link;
    if (world.isTold)
      world.tell(`${this.process.name} hears ${JSON.stringify(message).slice(0, 300)}`);
    this.handlers.onMessage(message as Exclude<In, { type: "beat" }>);
  }

  /** What was sent still arrives, then the other side learns of the end. */
  close(): Promise<void> {
    if (this.closed === undefined) {
      this.process.act(() => {
        if (!this.link.isCut) this.deliver(() => this.other.end(null));
      });
      this.end(null);
    }
    return new Promise((resolve) => this.link.world.within(this.process, 1, resolve));
  }

  end(error: GleanerError | null): void {
    if (this.closed !== undefined) return;
    this.link.world.books.causes.breaks(this.link.executor.process.name);
    this.closed = error;
    this.handlers?.onClose(error);
  }

  /**
   * The other process is gone: its kernel says so after sending the rest, unless the machine is
   * gone as well.
   */
  orphan(): void {
    if (!this.link.isCut) this.other.deliver(() => this.end(unreachable("the peer ended")));
  }

  /** Nothing comes any more. */
  silence(afterMs: number): void {
    const { world } = this.link;
    world.within(this.process, afterMs, () => this.end(unreachable("nothing was heard")));
  }
}

export class Link {
  isCut = false;
  readonly daemon: End<DaemonMessage, ExecutorMessage>;
  readonly executor: End<ExecutorMessage, DaemonMessage>;

  constructor(
    readonly world: World,
    daemon: Process,
    executor: Process,
  ) {
    const { sabotage, books } = world;
    this.daemon = new End(this, daemon, (message) => {
      const checked = checkDaemonMessage(message);
      if (checked.type === "recorded") books.forgets(checked.key);
      if (checked.type === "start") books.unrecorded.ordered(checked.order);
      if (checked.type === "stop" || checked.type === "drain") books.causes.takes(executor.name);
      if (checked.type === "budget") books.causes.budgetTold(executor.name, checked.budget);
      return sabotage.toExecutor?.(checked, world) ?? [checked];
    });
    this.executor = new End(this, executor, (message) => {
      const checked = checkExecutorMessage(message);
      if (checked.type === "ended") books.reported(checked.report, checked.voucher !== undefined);
      return sabotage.toDaemon?.(checked, world) ?? [checked];
    });
    this.daemon.other = this.executor;
    this.executor.other = this.daemon;
    daemon.whenDead(() => this.executor.orphan());
    executor.whenDead(() => this.daemon.orphan());
  }

  /** From now on nothing passes; each side learns of it by the silence, or a little earlier. */
  cut(why: string): void {
    if (this.isCut) return;
    this.isCut = true;
    this.world.books.causes.breaks(this.executor.process.name);
    const { chance } = this.world;
    this.world.tell(`a connection of ${this.executor.process.name} breaks: ${why}`);
    for (const end of [this.daemon, this.executor])
      end.silence(chance.happens(0.5) ? chance.ms(0, 50) : silenceMs + chance.ms(0, noticeMs));
  }
}

const unreachable = (what: string): GleanerError => new Failure("UNREACHABLE", what);
