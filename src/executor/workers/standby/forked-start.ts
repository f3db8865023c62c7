// Starts a worker as a fork of its parent, and by itself where that fails; watches it in place of a
// supervisor of glean-spawn, by its group.

import type { Socket } from "node:net";
import { constants } from "node:os";
import { clearTimeout, machineMonotonicNs, pause, setTimeout, type Timer } from "../../../clock.js";
import type { ChildEnd } from "../../../wire/worker/messages.js";
import type { AttemptGroup } from "../../containment/containment.js";
import { emptyPollMs } from "../../containment/emptying.js";
import { peakMbOf } from "../../node/usage.js";
import type { ProcessEnd, ProcessEvents, RunHandle, Termination } from "../../runtimes/runtime.js";
import { MemoryKills } from "./memory-kills.js";
import type { Parent } from "./parent.js";
import type { Forked, ForkOrder, PrintSource } from "./parent-parts.js";
import { cpuMsOfGroup, endOf } from "./process-end.js";

/** Its connection tells its end at once, unless a process that it left keeps it open. */
const lookMs = 500;

export interface StartEvents extends ProcessEvents {
  /** From now on a process works for the call. */
  onHolding(): void;
}

export interface ForkedParts {
  readonly parent: Parent;
  readonly directory: string;
  readonly group: AttemptGroup;
  readonly events: StartEvents;
  onProtocol(socket: Socket): void;
  onOutput(socket: Socket): void;
  print(bytes: Buffer, source: PrintSource): void;
  /** Whether no call has wanted it yet. */
  standsBy(): boolean;
  /** Ends the worker after its present call. */
  retire(): void;
  /** Starts the worker by itself; null if no call waits for it. Never throws. */
  startAlone(): RunHandle | null;
}

export class ForkedStart implements RunHandle {
  private readonly order: ForkOrder;
  private readonly memoryKills: MemoryKills;
  private alone: RunHandle | null = null;
  private forked: Forked | null = null;
  private startNs = machineMonotonicNs();
  private isKilled = false;
  private isAbandoned = false;
  private isEnding = false;
  private peakMb = 0;
  private timer: Timer | undefined;

  /** The parent was entered for this. */
  constructor(private readonly parts: ForkedParts) {
    const { directory, group, print } = parts;
    this.order = { directory, group, print, isWanted: () => !this.isKilled };
    this.memoryKills = new MemoryKills(group);
    parts.events.onHolding();
    void this.run();
  }

  private async run(): Promise<void> {
    const { parent, events } = this.parts;
    const forked = await parent.fork(this.order);
    if (this.isKilled) {
      forked?.protocol.destroy();
      forked?.output.destroy();
      return;
    }
    void parent.leave(null);
    if (forked === null) {
      this.startAlone();
      return;
    }
    this.forked = forked;
    this.startNs = machineMonotonicNs();
    parent.joined(forked.pid, {
      standsBy: () => this.parts.standsBy(),
      retire: () => this.parts.retire(),
      abandon: () => {
        this.isAbandoned = true;
        this.kill();
      },
    });
    this.parts.onOutput(forked.output);
    this.parts.onProtocol(forked.protocol);
    this.look();
    events.onStarted(forked.pid);
  }

  private startAlone(): void {
    this.alone = this.parts.startAlone();
    if (this.alone !== null) {
      this.memoryKills.close();
      return;
    }
    this.isKilled = true; // nothing of it is there
    this.tell({ kind: "vanished", message: "its parent forked none" });
  }

  terminate(why: Termination): void {
    this.alone?.terminate(why);
  }

  notify(): void {
    this.alone?.notify();
  }

  kill(): void {
    if (this.alone !== null) {
      this.alone.kill();
      return;
    }
    this.parts.group.kill();
    if (this.isKilled) return;
    this.isKilled = true;
    if (this.forked !== null) void this.end(this.forked);
    else void this.withdraw();
  }

  private async withdraw(): Promise<void> {
    await this.parts.parent.leave(this.order);
    this.parts.group.kill();
    await this.emptied();
    this.tell(this.ended(killed));
  }

  /** Its process may have ended while another one that it started keeps its connection. */
  private look(): void {
    this.timer = setTimeout(() => {
      const { pid } = this.forked!;
      this.peakMb = Math.max(this.peakMb, peakMbOf(pid));
      if (!this.parts.group.processes().includes(pid)) this.kill();
      else this.look();
    }, lookMs);
    this.timer.unref();
  }

  private async emptied(): Promise<void> {
    while (!this.parts.group.isEmpty()) await pause(emptyPollMs);
  }

  /** What it left was killed with it, as at the end of every command. */
  private async end(forked: Forked): Promise<void> {
    if (this.isEnding) return;
    this.isEnding = true;
    clearTimeout(this.timer);
    await this.emptied();
    this.parts.parent.left(forked.pid);
    const how = this.howEnded(forked);
    forked.output.destroy();
    this.tell(how);
  }

  private tell(how: ProcessEnd): void {
    this.memoryKills.close();
    this.parts.events.onEnd(how);
  }

  private howEnded(forked: Forked): ProcessEnd {
    const told = forked.takeEnd();
    if (this.isAbandoned) return { kind: "vanished", message: "glean-spawn was killed" };
    const seen = endOf(forked.pid);
    return this.ended(seen !== null && seen !== "gone" ? seen : (told ?? killed));
  }

  private ended({ exitCode, signal }: ChildEnd): ProcessEnd {
    const { group } = this.parts;
    return {
      kind: "ended",
      exitCode,
      signal,
      startNs: this.startNs,
      endNs: machineMonotonicNs(),
      cpuMs: cpuMsOfGroup(group),
      maxRssMb: this.peakMb,
      ...this.memoryKills.found,
      brokenProcessLimit: null,
    };
  }
}

/** If nobody can tell: then its parent was killed, too. */
const killed: ChildEnd = { exitCode: 0, signal: constants.signals.SIGKILL };
