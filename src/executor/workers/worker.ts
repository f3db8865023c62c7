// One worker: a process that has loaded one version of a function for one user, from its start to
// its end, and the call in it.

import type { Socket } from "node:net";
import { machineMonotonicNs, setImmediate } from "../../clock.js";
import type { CallPhases } from "../../model/call.js";
import type { LeaseUsage } from "../../model/functions/lease.js";
import type { CallAttemptOrder } from "../../wire/messages.js";
import { notLoaded, type Progress } from "../../workers/answers.js";
import { loadOrderOf } from "../../workers/load-order.js";
import { WorkerChannel } from "../../workers/worker-channel.js";
import type { WorkerFailure } from "../../workers/worker-failure.js";
import type { OpenedGroup } from "../runtimes/group.js";
import type { RunEnd, RunEvents, RunHandle } from "../runtimes/runtime.js";
import { CallLog } from "./call-log.js";
import { endOfCall, endWithoutCode } from "./end-of-call.js";
import { WorkerUsage } from "./standby/worker-usage.js";
import { CallRun } from "./work/call-run.js";
import { StartTimes } from "./work/start-times.js";
import type { WorkEnd } from "./work/work.js";
import type { Running, WorkerParts } from "./worker-parts.js";

/** What it waits for next: its code, its process and connection, its handler, calls, nothing. */
type State = "fetching" | "starting" | "loading" | "loaded" | "ended";

export class Worker {
  private state: State = "fetching";
  private running: Running | null = null;
  private process: RunHandle | null = null;
  private pid: number | null = null;
  private usage: WorkerUsage | null = null;
  private channel: WorkerChannel | null = null;
  private directory = "";
  /** It has been told to end. */
  isLeaving = false;
  private isKilled = false;
  private isStartedAhead = false;
  /** How long it stays idle, as its last call said; null: as the executor decides. */
  idleTimeoutMs: number | null = null;
  private log = new CallLog();
  private leaseUsage: LeaseUsage | null = null;
  private readonly times = new StartTimes();
  /** Whether its runtime has said hello. */
  private hasRuntime = false;
  /** Why its connection ended. */
  private broken: WorkerFailure | null = null;

  constructor(
    readonly opened: OpenedGroup,
    private readonly parts: WorkerParts,
  ) {}

  /** Whether it could take a call at once. */
  get isReady(): boolean {
    return this.state === "loaded" && this.running === null && !this.isLeaving;
  }

  /** Runs one call or serves one lease; the first one also starts the worker. */
  run(order: CallAttemptOrder, events: RunEvents): RunHandle {
    this.idleTimeoutMs = order.command.settings.idleTimeoutMs;
    const { payloads, leases } = this.parts;
    const { lease } = order.command;
    const key = { invocation: order.invocation, attempt: order.attempt };
    payloads.logs.open(key, () => this.log.take());
    const work =
      lease === undefined
        ? new CallRun(order, payloads)
        : leases.open(order, lease, (failure) => this.breakOff(failure));
    this.running = { key, work, events, startNs: null, cpuMsBefore: 0, hasBegun: false };
    if (this.state === "loaded") this.send();
    else if (this.isStartedAhead) this.join();
    else void this.start();
    return {
      terminate: () => this.terminate(),
      notify: () => {},
      kill: () => this.kill(),
      wasKilled: () => this.wasKilled(),
    };
  }

  /** Starts it before anybody calls; it holds no core for that, and may be killed at any time. */
  startAhead({ command }: CallAttemptOrder): void {
    this.isStartedAhead = true;
    this.idleTimeoutMs = command.settings.idleTimeoutMs;
    void this.start();
  }

  /** A call came before it was ready, and holds its cores from here on. */
  private join(): void {
    this.times.joined();
    if (this.process !== null) this.holds();
  }

  /** Ends its processes; `onGone` follows. */
  kill(): void {
    this.wasKilled();
    this.opened.group.kill();
    if (this.process !== null) this.process.kill();
    else this.end({ kind: "withdrawn", message: "it was ended before its worker started" });
  }

  /** It gets no other call, and what it answers before its process is gone comes too late. */
  private wasKilled(): void {
    this.isLeaving = true;
    this.isKilled = true;
  }

  /** Ends it, after the call that is in it. */
  retire(): void {
    if (this.running === null) this.kill();
    else this.isLeaving = true;
  }

  /** Called by the worker socket, once. */
  connected(socket: Socket): void {
    if (this.channel !== null || this.state === "ended") {
      socket.destroy();
      return;
    }
    this.channel = new WorkerChannel(socket, {
      onLog: ({ bytes }) => this.log.add(bytes),
      onFault: () => this.retire(),
      onClosed: (failure) => this.breakOff(failure),
    });
    socket.resume();
    void this.load(this.channel);
  }

  /** The connection of its standard output and error. */
  prints(socket: Socket): void {
    socket.on("data", (piece: Buffer) => this.print(piece));
    socket.resume();
  }

  /** What is printed elsewhere on its behalf, or said to its user. */
  print(bytes: Buffer): void {
    this.log.add(bytes);
  }

  /** What was printed since the last call of this. */
  takeLog(): Uint8Array | null {
    const { log } = this;
    this.log = new CallLog();
    return log.take();
  }

  /** What it said of itself in the lease that ended; null after a call. */
  takeLeaseUsage(): LeaseUsage | null {
    const { leaseUsage } = this;
    this.leaseUsage = null;
    return leaseUsage;
  }

  /** null after its first call: the others find it warm. */
  takePhases(): CallPhases | null {
    return this.times.take();
  }

  private async start(): Promise<void> {
    this.times.begin();
    try {
      this.directory = await this.parts.code();
      if (this.state !== "fetching") return; // killed meanwhile
      this.times.next("startMs");
      this.state = "starting";
      this.process = this.parts.spawn(this.directory, {
        onHolding: () => this.holds(),
        onStarted: (pid) => this.started(pid),
        onEnd: (end) => this.exited(end),
      });
    } catch (thrown) {
      this.end(endWithoutCode(thrown));
    }
  }

  /** Loading runs the user's code, so the call holds its cores from here on. */
  private holds(): void {
    if (this.running !== null) this.running.startNs ??= machineMonotonicNs();
  }

  private started(pid: number): void {
    this.pid = pid;
    this.usage ??= new WorkerUsage(pid, this.opened.group);
    this.holds();
    if (this.state === "starting") this.state = "loading";
    else if (this.state === "loaded") this.send();
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
      if (this.pid !== null) this.send();
      return;
    }
    this.isLeaving = true;
    this.finish({ kind: "answered", answer: notLoaded(end.error) });
    this.kill();
  }

  private send(): void {
    const running = this.running;
    if (running === null) {
      this.times.take(); // the first call finds it warm
      this.parts.onReady();
      return;
    }
    const { work, events } = running;
    running.startNs ??= machineMonotonicNs();
    running.hasBegun = true;
    const end = work.begin(this.channel!);
    // While the worker begins, which is billed but not waited for.
    running.cpuMsBefore = this.usage?.cpuMs(work.isLease) ?? 0;
    events.onStarted(this.pid!);
    void end.then((ended) => {
      if (this.running !== running || ended === null) return;
      this.isLeaving ||= ended.leaves ?? false;
      this.finish(ended);
    });
  }

  private finish(how: WorkEnd): void {
    const { running } = this;
    // After a kill its end counts: until then it holds its cores, and a job may wait for them.
    if (running === null || this.isKilled) return;
    const { work, events } = running;
    this.over(running);
    const endNs = machineMonotonicNs();
    const used = this.usage?.all(work.isLease) ?? { cpuMs: 0, maxRssMb: 0, oomKills: 0 };
    // What is left of it may miss what was killed.
    if (used.oomKills > 0) this.isLeaving = true;
    events.onEnd({
      ...how,
      startNs: running.startNs ?? endNs,
      endNs,
      ...used,
      cpuMs: Math.max(0, used.cpuMs - running.cpuMsBefore),
    });
  }

  private over({ key, work }: Running): void {
    this.running = null;
    this.parts.payloads.logs.close(key);
    this.leaseUsage = work.usage;
    work.close();
  }

  /** A handler that heeds its signal answers; one that does not is killed by its attempt. */
  private terminate(): void {
    if (this.running?.hasBegun) this.running.work.stop();
    else this.kill();
  }

  private breakOff(why: WorkerFailure): void {
    if (this.state === "ended") return;
    this.broken ??= why;
    this.kill();
  }

  /** What it said last may still lie in its connection: two turns read that. */
  private exited(end: RunEnd): void {
    this.isLeaving = true;
    if (this.running === null || this.channel === null || this.isKilled) this.end(end);
    else setImmediate(() => setImmediate(() => this.end(end)));
  }

  private end(end: RunEnd): void {
    if (this.state === "ended") return;
    const hasLoaded = this.state === "loaded";
    this.state = "ended";
    this.usage?.close();
    this.usage = null;
    this.channel?.close();
    const { running } = this;
    if (running !== null) this.over(running);
    const isInputLost = this.broken?.code === "INPUT";
    running?.events.onEnd(endOfCall(end, running, this.progress(hasLoaded), isInputLost));
    this.parts.onGone();
  }

  private progress(hasLoaded: boolean): Progress {
    const { broken, hasRuntime } = this;
    const { setup, image } = this.parts.settings;
    return { broken, hasRuntime, hasLoaded, hasSetup: setup !== null, image };
  }
}
