// A booted process of a user that has loaded no code yet, frozen: the next worker of this user and
// size begins with it instead of a start of its interpreter.

import type { Socket } from "node:net";
import { clearTimeout, pause, setImmediate, setTimeout, type Timer } from "../../../clock.js";
import { emptyPollMs } from "../../containment/emptying.js";
import type { OpenedGroup } from "../../runtimes/group.js";
import type { ProcessEnd, ProcessEvents, RunHandle } from "../../runtimes/runtime.js";
import { lives } from "./process-end.js";
import type { Standby } from "./standby.js";

/** Booting takes tens of milliseconds of a core that no call holds. */
const bootLimitMs = 10_000;

export interface SpareParts {
  readonly memoryMb: number;
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
}

export class Spare implements Standby {
  readonly version = null;
  readonly isBusy = false;
  isOpen = true;
  /** Whether it runs, though no call holds a core for it. */
  isBooting = true;
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
    this.bootTimer = setTimeout(() => void this.stop(), bootLimitMs);
    this.process = parts.spawn({
      onStarted: (pid) => {
        this.pid = pid;
        this.settleIfBooted();
      },
      onEnd: (end) => {
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

  prints(socket: Socket): void {
    if (this.taker !== null) this.taker.prints(socket);
    else this.output = socket;
  }

  /** A worker is going to take it, and has its group from here on. */
  reserve(): void {
    this.isReserved = true;
    this.isOpen = false;
    clearTimeout(this.bootTimer); // from here on the limits of a worker's start hold
  }

  /** Whether a worker may take it; one that is booting still has a head start. */
  get isUsable(): boolean {
    return this.isOpen && this.lives;
  }

  /** Its supervisor may not have reported its end yet. */
  private get lives(): boolean {
    return this.pid !== null && lives(this.pid);
  }

  /** null if it has ended meanwhile: the group is the worker's all the same. */
  take(events: ProcessEvents, taker: Taker): RunHandle | null {
    const { protocol, output, pid } = this;
    if (this.end !== null || pid === null) return null;
    this.worker = events;
    if (!this.lives) {
      // Its supervisor kills what is in the group, so nothing else can start there now.
      const message = "the process that stood by for it had been killed";
      setImmediate(() => events.onEnd({ kind: "vanished", message }));
      return this.process;
    }
    this.taker = taker;
    if (!this.isBooting) this.parts.opened.group.freeze(false);
    events.onStarted(pid);
    if (output !== null) taker.prints(output);
    if (protocol !== null) taker.connected(protocol);
    return this.process;
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
