// One worker: a process that has loaded one version of a function for one user, from its start to
// its end, and the calls in it.

import type { Socket } from "node:net";
import { setImmediate } from "../../clock.js";
import type { CallAttemptOrder } from "../../wire/messages.js";
import { notLoaded } from "../../workers/answers.js";
import { loadOrderOf } from "../../workers/load-order.js";
import { WorkerChannel } from "../../workers/worker-channel.js";
import type { WorkerFailure } from "../../workers/worker-failure.js";
import type { OpenedGroup } from "../runtimes/group.js";
import type { RunEnd, RunEvents, RunHandle } from "../runtimes/runtime.js";
import { endSeats, endUnstarted, endWithoutCode } from "./end-of-call.js";
import { LastWords } from "./seats/last-words.js";
import type { Seat } from "./seats/seat.js";
import { Seats } from "./seats/seats.js";
import { WorkerMeter } from "./seats/worker-meter.js";
import { CallRun } from "./work/call-run.js";
import { StartTimes } from "./work/start-times.js";
import type { Work, WorkEnd } from "./work/work.js";
import type { RunInWorker, WorkerParts } from "./worker-parts.js";

/** What it waits for next: its code, its process and connection, its handler, calls, nothing. */
type State = "fetching" | "starting" | "loading" | "loaded" | "ended";

export class Worker {
  private state: State = "fetching";
  private readonly running: Seats;
  private readonly meter: WorkerMeter;
  private process: RunHandle | null = null;
  private pid: number | null = null;
  private channel: WorkerChannel | null = null;
  private directory = "";
  /** It has been told to end. */
  isLeaving = false;
  private isKilled = false;
  private isStartedAhead = false;
  /** How long it stays idle, as its last call said; null: as the executor decides. */
  idleTimeoutMs: number | null = null;
  private readonly times = new StartTimes();
  /** The call for which it was started. */
  private starter: Seat | null = null;
  /** How many calls its runtime takes at once, as far as that is known. */
  private concurrency: number;
  /** The call that ended its process. */
  private endedBy: Seat | null = null;
  /** Whether its runtime has said hello. */
  private hasRuntime = false;
  /** Why its connection ended. */
  private broken: WorkerFailure | null = null;
  /** How its process ended. */
  private exit: RunEnd | null = null;
  private readonly lastWords = new LastWords();

  constructor(
    readonly opened: OpenedGroup,
    private readonly parts: WorkerParts,
  ) {
    this.running = new Seats(parts.payloads.logs, parts.first);
    this.meter = new WorkerMeter(opened.group);
    this.concurrency = parts.settings.concurrency;
  }

  /** Whether it could take a call at once, and no call is in it. */
  get isReady(): boolean {
    return this.state === "loaded" && this.running.count === 0 && !this.isLeaving;
  }

  /** How many calls may be in it. */
  get seats(): number {
    return this.state === "ended" || this.isLeaving ? 0 : this.concurrency;
  }

  /** Runs one call or serves one lease; the first one also starts the worker. */
  run(order: CallAttemptOrder, events: RunEvents): RunInWorker {
    this.idleTimeoutMs = order.command.settings.idleTimeoutMs;
    const seat = this.running.add(this.workOf(order), events, order);
    if (this.state === "loaded") this.send(seat);
    else if (this.starter === null) this.startFor(seat);
    return {
      terminate: () => (seat.hasBegun ? seat.work.stop() : this.kill()),
      notify: () => {},
      kill: () => this.kill(),
      wasKilled: () => this.wasKilled(),
      leave: () => this.leave(seat),
      stopped: (isOn) => (isOn ? this.meter.stop() : this.meter.resume()),
      printed: () => seat.printed,
      takePhases: () => (seat === this.starter ? this.times.take() : null),
      leaseUsage: () => seat.work.usage,
    };
  }

  private workOf(order: CallAttemptOrder): Work {
    const { payloads, leases } = this.parts;
    const { lease } = order.command;
    return lease === undefined
      ? new CallRun(order, payloads)
      : leases.open(order, lease, (failure) => this.breakOff(failure));
  }

  /** It came before the worker is ready, and pays for its start; others pay once they begin. */
  private startFor(seat: Seat): void {
    this.starter = seat;
    this.meter.starts(seat.metered);
    if (!this.isStartedAhead) void this.start();
    else {
      // It waits for the rest only, and holds its cores from here on.
      this.times.joined();
      if (this.process !== null) this.holds();
    }
  }

  /** Only what waits for a start that another one pays. */
  private leave(seat: Seat): boolean {
    if (seat.hasBegun || seat === this.starter || !this.running.has(seat)) return false;
    this.running.remove(seat);
    seat.events.onEnd({ kind: "withdrawn", message: "it was ended before its worker was ready" });
    return true;
  }

  /** Starts it before anybody calls; it holds no core for that, and may be killed at any time. */
  startAhead({ command }: CallAttemptOrder): void {
    this.isStartedAhead = true;
    this.idleTimeoutMs = command.settings.idleTimeoutMs;
    void this.start();
  }

  /** Ends its processes; `onGone` follows. */
  kill(): void {
    this.wasKilled();
    this.opened.group.kill();
    if (this.process !== null) this.process.kill();
    else void endUnstarted(this.opened.group, (how) => this.end(how));
  }

  /** It gets no other call, and what it answers before its process is gone comes too late. */
  private wasKilled(): void {
    this.isLeaving = true;
    this.isKilled = true;
    if (this.exit !== null) this.end(this.exit);
  }

  /** Ends it, after the calls that are in it. */
  retire(breach: WorkerFailure | null = null): void {
    if (breach !== null) this.parts.onBroken(breach);
    if (this.running.count === 0) this.kill();
    else this.isLeaving = true;
  }

  /** Called by the worker socket, once. */
  connected(socket: Socket): void {
    if (this.channel !== null || this.state === "ended") return void socket.destroy();
    this.channel = new WorkerChannel(socket, {
      onLog: ({ callId, bytes }) => this.running.print(bytes, callId, "report"),
      onFault: (breach) => this.retire(breach),
      onClosed: (failure) => this.disconnected(failure),
    });
    socket.resume();
    void this.load(this.channel);
  }

  /** The connection of its standard output and error. */
  prints(socket: Socket): void {
    this.lastWords.listen(socket, (piece) => this.running.print(piece, null, "output"));
  }

  /** What is printed elsewhere on its behalf, or said to its user. */
  print(bytes: Buffer): void {
    this.running.print(bytes, null);
  }

  private async start(): Promise<void> {
    this.times.begin();
    try {
      this.directory = await this.parts.code();
      if (this.state !== "fetching" || this.isKilled) return; // killed meanwhile
      this.times.next("startMs");
      this.state = "starting";
      this.process = this.parts.spawn(this.directory, {
        onHolding: () => this.holds(),
        onStarted: (pid) => this.started(pid),
        onEnd: (end) => this.exited(end),
      });
    } catch (thrown) {
      if (!this.isKilled) this.end(endWithoutCode(thrown));
    }
  }

  /** Loading runs the user's code, so the call holds its cores from here on. */
  private holds(): void {
    if (this.starter !== null) this.meter.holds(this.starter.metered);
  }

  private started(pid: number): void {
    this.pid = pid;
    this.meter.started(pid);
    this.holds();
    if (this.state === "starting") this.state = "loading";
    else if (this.state === "loaded") this.sendAll();
  }

  private async load(channel: WorkerChannel): Promise<void> {
    const { kind } = await channel.ready();
    this.hasRuntime ||= kind === "ready";
    this.times.next("loadMs");
    const end = await channel.load({
      ...loadOrderOf(this.parts.settings, this.directory),
      environment: this.parts.environment,
    });
    this.times.next("runMs");
    if (this.state === "ended" || end.kind === "lost") return; // its process ends, or has ended
    this.state = "loaded";
    if (end.kind === "loaded") {
      this.concurrency = Math.min(this.concurrency, Math.max(1, end.concurrency));
      if (this.pid !== null) this.sendAll();
      return;
    }
    this.isLeaving = true;
    // The others go back: each start that fails is one call's.
    const { starter } = this;
    if (starter !== null) this.finish(starter, { kind: "answered", answer: notLoaded(end.error) });
    this.kill();
  }

  private sendAll(): void {
    if (this.isKilled) return; // what waits here has not begun, and may go elsewhere
    for (const seat of this.running.all) this.send(seat);
    if (this.running.count > 0) return;
    this.times.take(); // the first call finds it warm
    this.parts.onReady();
  }

  private send(seat: Seat): void {
    if (seat.hasBegun) return;
    const { work, events, metered } = seat;
    this.meter.holds(metered);
    seat.hasBegun = true;
    this.parts.first?.end();
    const end = work.begin(this.channel!);
    // While the worker begins, which is billed but not waited for.
    this.meter.begins(metered);
    events.onStarted(this.pid!);
    void end.then((ended) => {
      if (!this.running.has(seat) || ended === null) return;
      if (ended.leaves) this.endedBy = seat;
      this.isLeaving ||= ended.leaves ?? false;
      this.finish(seat, ended);
    });
  }

  private finish(seat: Seat, how: WorkEnd): void {
    // After a kill its end counts: until then it holds its cores, and a job may wait for them.
    if (this.isKilled) return;
    this.running.remove(seat);
    const used = this.meter.leaves(seat.metered);
    // What is left of it may miss what was killed.
    if (used.oomKills > 0) this.isLeaving = true;
    seat.events.onEnd({ ...how, ...used });
  }

  /** What its calls have answered by then ends them before the next turn. */
  private disconnected(why: WorkerFailure): void {
    if (this.state === "ended") return;
    this.isLeaving = true;
    this.broken ??= why;
    this.parts.onBroken(why);
    setImmediate(() => {
      if (this.state !== "ended") this.kill();
    });
  }

  private breakOff(why: WorkerFailure): void {
    if (this.state === "ended") return;
    this.broken ??= why;
    this.parts.onBroken(why);
    this.kill();
  }

  /** A job may wait for what was killed; otherwise what it said last is read first. */
  private exited(end: RunEnd): void {
    this.isLeaving = true;
    this.exit = end;
    if (this.running.count === 0 || this.isKilled || end.kind !== "ended") this.end(end);
    else void this.lastWords.heard().then(() => this.end(end));
  }

  private end(end: RunEnd): void {
    if (this.state === "ended") return;
    const { broken, hasRuntime, state } = this;
    const { setup, python, image } = this.parts.settings;
    const settings = { hasSetup: setup !== null, python, image };
    const progress = { broken, hasRuntime, hasLoaded: state === "loaded", ...settings };
    this.state = "ended";
    this.channel?.close();
    const { starter, endedBy, meter, running } = this;
    endSeats(running.empty(), { end, progress, starter, endedBy, meter });
    this.meter.close();
    this.parts.onGone();
  }
}
