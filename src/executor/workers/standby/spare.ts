// A process that waits, frozen, to become a worker: a booted one of a user that has loaded no code
// yet, or one that was forked from the parent of a version's workers.

import type { Socket } from "node:net";
import { clearTimeout, pause, setImmediate, setTimeout, type Timer } from "../../../clock.js";
import type { VersionId } from "../../../model/ids.js";
import type { AttemptGroup } from "../../containment/containment.js";
import { emptyPollMs } from "../../containment/emptying.js";
import type { OpenedGroup } from "../../runtimes/group.js";
import type { ProcessEnd, ProcessEvents, RunHandle } from "../../runtimes/runtime.js";
import { lives } from "./process-end.js";
import type { Standby } from "./standby.js";

/** Booting takes tens of milliseconds of a core that no call holds. */
const bootLimitMs = 10_000;

export interface SpareParts {
  readonly memoryMb: number;
  /** Whose code it has loaded; null if none. */
  readonly version: VersionId | null;
  readonly opened: OpenedGroup;
  /** Starts its process in the group; `connected` and `prints` follow. Never throws. */
  spawn(events: ProcessEvents): RunHandle;
  /** Its process has ended, whoever has it. */
  onEnd(): void;
  /** Called once, unless a worker took it: no process of it is left. */
  onGone(): void;
}

/** The worker that takes it. */
export interface Taker {
  connected(socket: Socket): void;
  prints(socket: Socket): void;
  /** Ends the worker after its present call. */
  retire(): void;
  /** There will be no such process. Never throws. */
  startAlone(): RunHandle;
}

export class Spare implements Standby {
  readonly isBusy = false;
  isOpen = true;
  /** Whether it runs, though no call holds a core for it. */
  isBooting = true;
  /** It was late, or ended before it had booted: the next ones would, too. */
  hasFailed = false;
  private readonly gone: Promise<void>;
  private settleGone: () => void = () => {};
  private readonly bootTimer: Timer;
  private readonly process: RunHandle;
  private pid: number | null = null;
  private end: ProcessEnd | null = null;
  private protocol: Socket | null = null;
  private output: Socket | null = null;
  private isReserved = false;
  private worker: ProcessEvents | null = null;
  private taker: Taker | null = null;

  constructor(private readonly parts: SpareParts) {
    this.gone = new Promise((resolve) => {
      this.settleGone = resolve;
    });
    this.bootTimer = setTimeout(() => {
      this.hasFailed = true;
      void this.stop();
    }, bootLimitMs);
    this.process = parts.spawn({
      onStarted: (pid) => {
        this.pid = pid;
        if (this.worker !== null && this.taker !== null)
          this.handOver(pid, this.worker, this.taker);
        else this.settleIfBooted();
      },
      onEnd: (end) => {
        this.hasFailed ||= this.isOpen && this.isBooting;
        this.end = end;
        this.parts.onEnd();
        if (this.worker !== null) {
          this.worker.onEnd(end);
          return;
        }
        this.protocol?.destroy();
        this.output?.destroy();
        void this.stop();
      },
    });
  }

  get memoryMb(): number {
    return this.parts.memoryMb;
  }

  get version(): VersionId | null {
    return this.parts.version;
  }

  /** Whether no worker has it, nor is going to. */
  get standsBy(): boolean {
    return !this.isReserved;
  }

  get opened(): OpenedGroup {
    return this.parts.opened;
  }

  /** Called by the worker socket, once. */
  connected(socket: Socket): void {
    if (this.taker !== null) {
      this.taker.connected(socket);
      return;
    }
    this.protocol = socket;
    // It says hello once it has booted; the worker's channel reads it.
    socket.once("readable", () => this.settleIfBooted());
  }

  /** Its group was told to freeze once it had booted, and the kernel takes a moment. */
  hold(): AttemptGroup | null {
    return this.isBooting ? null : this.parts.opened.group;
  }

  prints(socket: Socket): void {
    if (this.taker !== null) this.taker.prints(socket);
    else this.output = socket;
  }

  /** A worker is going to take it, and has its group from here on. */
  reserve(): void {
    this.isReserved = true;
    this.isOpen = false;
    clearTimeout(this.bootTimer); // from here on the limits of a worker's start hold
    // The call holds its cores. A later freeze, for a job, must not be undone when its code comes.
    if (!this.isBooting) this.parts.opened.group.freeze(false);
  }

  /** Whether a worker may take it; one that is booting still has a head start. */
  get isUsable(): boolean {
    return this.isOpen && this.lives;
  }

  /** Whether it is just being forked. */
  get isComing(): boolean {
    return this.isOpen && this.pid === null;
  }

  /** Its end may not be reported yet, and its number be that of another process by now. */
  private get lives(): boolean {
    const { pid } = this;
    return pid !== null && lives(pid) && this.parts.opened.group.processes().includes(pid);
  }

  /**
   * null if it has ended meanwhile: the group is the worker's all the same. One that is just being
   * forked is handed over as soon as it is there.
   */
  take(events: ProcessEvents, taker: Taker): RunHandle | null {
    if (this.end !== null) return null;
    this.worker = events;
    this.taker = taker;
    if (this.pid !== null) this.handOver(this.pid, events, taker);
    return this.process;
  }

  private handOver(pid: number, events: ProcessEvents, taker: Taker): void {
    const { protocol, output } = this;
    if (!this.lives) {
      // What supervises it kills what is in the group, so nothing else can start there now.
      const message = "the process that stood by for it had been killed";
      this.worker = null;
      setImmediate(() => events.onEnd({ kind: "vanished", message }));
      this.process.kill();
      return;
    }
    events.onStarted(pid);
    if (output !== null) taker.prints(output);
    if (protocol !== null) taker.connected(protocol);
  }

  /** The worker that was to have it ended before; resolves once its process is gone. */
  async giveUp(): Promise<void> {
    this.process.kill();
    while (this.end === null) await pause(emptyPollMs);
  }

  /** Ends it, after the call that it may have. */
  retire(): void {
    if (this.taker !== null) this.taker.retire();
    else if (this.isReserved) this.process.kill();
    else void this.stop();
  }

  /** It could not be made; null if no worker waits for it. */
  startAlone(): RunHandle | null {
    return this.taker?.startAlone() ?? null;
  }

  stop(): Promise<void> {
    if (this.isReserved || !this.isOpen) return this.gone;
    this.isOpen = false;
    clearTimeout(this.bootTimer);
    this.process.kill();
    void this.emptied();
    return this.gone;
  }

  private async emptied(): Promise<void> {
    while (this.end === null || !this.parts.opened.group.isEmpty()) await pause(emptyPollMs);
    this.parts.onGone();
    this.settleGone();
  }

  private settleIfBooted(): void {
    if (!this.isOpen || this.pid === null || !this.protocol?.readableLength) return;
    clearTimeout(this.bootTimer);
    try {
      this.parts.opened.group.freeze(true);
      this.isBooting = false;
    } catch {
      void this.stop(); // where nothing can be frozen
    }
  }
}
