// The parent of workers of one kind: a process of the user that has imported a function's module
// and forks workers that have it. It runs only while it makes one, for a call that waits or for the
// next one, and is frozen otherwise.

import type { Socket } from "node:net";
import { clearTimeout, pause, setTimeout, type Timer } from "../../../clock.js";
import { messageOf } from "../../../model/errors.js";
import type { VersionId } from "../../../model/ids.js";
import type { ChildEnd } from "../../../wire/worker/messages.js";
import { ParentChannel } from "../../../workers/parent-channel.js";
import type { AttemptGroup } from "../../containment/containment.js";
import { emptyPollMs } from "../../containment/emptying.js";
import { Stillness } from "../../containment/stillness.js";
import type { RunHandle } from "../../runtimes/runtime.js";
import { adopt } from "./adoption.js";
import { askFork, refuse } from "./fork.js";
import type {
  Forked,
  ForkOrder,
  Member,
  ParentParts,
  PrintSource,
  Problem,
} from "./parent-parts.js";
import { sharedBytes } from "./shared-memory.js";
import type { Standby } from "./standby.js";

export class Parent implements Standby {
  readonly isBooting = false; // a call waits for it, or a child whose end is its own
  readonly gone: Promise<void>;
  /** The workers that live, by their processes. */
  private readonly family = new Map<number, Member>();
  /** In the directories that all workers share. */
  private bytesAtFork = 0;
  /** By their forks, for the workers that nobody has asked about yet. */
  private readonly ends = new Map<number, ChildEnd | null>();
  private readonly orders = new Set<ForkOrder>();
  private readonly stillness: Stillness;
  /** Calls, and a child that is being made, which wait for it. */
  private users = 0;
  private timer: Timer | undefined;
  private problem: Problem | null = null;
  /** That of the code. */
  directory = "";
  private process: RunHandle | null = null;
  private pid: number | null = null;
  private channel: ParentChannel | null = null;
  /** Its process was ordered, and may enter the group at any moment. */
  private isStarting = false;
  private isLoaded = false;
  private isStopped = false;
  private readiness: Promise<boolean> | null = null;
  /** The fork that is being made. */
  private forking: ForkOrder | null = null;
  private turn: Promise<unknown> = Promise.resolve();
  private closeWindow: () => void = () => {};
  private settleStart: (isReady: boolean) => void = () => {};
  private settleGone: () => void = () => {};

  constructor(private readonly parts: ParentParts) {
    this.stillness = new Stillness(parts.group);
    this.gone = new Promise((resolve) => {
      this.settleGone = resolve;
    });
  }

  get memoryMb(): number {
    return this.parts.memoryMb;
  }

  get version(): VersionId {
    return this.parts.version;
  }

  get isBusy(): boolean {
    return this.users > 0;
  }

  /** Why its module cannot be forked, for the user; null if it can, or nobody knows. */
  get whyUnfit(): string | null {
    return this.problem?.isLasting ? this.problem.message : null;
  }

  get isOpen(): boolean {
    return !this.isStopped;
  }

  /** Whether it has forked and could fork again without anybody having to wait for that. */
  get isResting(): boolean {
    return this.stillness.isResting && this.users === 0 && !this.isStopped;
  }

  /** A call waits for it, and pays for what it does until `leave`. */
  enter(): void {
    this.users++;
    clearTimeout(this.timer);
  }

  /**
   * Resolves once nothing works for that call any more. A parent for which nobody waits is frozen;
   * one that is not ready, or in the middle of a fork, is ended.
   */
  async leave(order: ForkOrder | null): Promise<void> {
    this.users--;
    if (this.isStopped) await this.gone;
    else if (order !== null && order === this.forking) await this.stop();
    else if (this.users === 0 && !this.stillness.isResting) await this.stop();
    else this.idleFromNow();
  }

  hold(isHeld: boolean): AttemptGroup {
    this.stillness.hold(isHeld);
    return this.parts.group;
  }

  private idleFromNow(): void {
    clearTimeout(this.timer);
    if (this.isWanted || this.isStopped) return;
    this.timer = setTimeout(() => {
      // A call may have taken the child that stood by.
      if (!this.isWanted) void this.stop();
    }, this.parts.keepMs);
  }

  /** While one of its workers lives, the next one may be wanted soon. */
  private get isWanted(): boolean {
    return this.users > 0 || [...this.family.values()].some((member) => !member.standsBy());
  }

  /** Called by the worker socket, once. */
  connected(socket: Socket): void {
    if (this.channel !== null || this.isStopped) {
      socket.destroy();
      return;
    }
    this.channel = new ParentChannel(socket, {
      onLog: (_stream, bytes) => this.print(bytes, "report"),
      onChildEnded: (fork, end) => {
        if (this.ends.has(fork)) this.ends.set(fork, end);
      },
      onClosed: (failure) => this.fail({ message: failure.message, isLasting: false }),
    });
    void this.load(this.channel);
  }

  /** The connection of its standard output and error. */
  prints(socket: Socket): void {
    socket.on("data", (bytes: Buffer) => this.print(bytes, "output"));
    socket.resume();
  }

  /** Never rejects; null if no worker can be had, or it is not wanted any more. */
  fork(order: ForkOrder): Promise<Forked | null> {
    this.orders.add(order);
    const forked = this.turn
      .then(() => this.forkNow(order))
      .catch((thrown: unknown) => {
        this.fail({ message: messageOf(thrown), isLasting: false });
        return null;
      })
      .finally(() => this.orders.delete(order));
    this.turn = forked;
    return forked;
  }

  joined(pid: number, member: Member): void {
    this.family.set(pid, member);
    this.idleFromNow();
  }

  /** What it has left in the memory that all share would be nobody's: then all of them must go. */
  left(pid: number): void {
    if (!this.family.delete(pid)) return;
    this.idleFromNow();
    const witness = this.isStopped ? [...this.family.keys()][0] : this.pid;
    if (witness === undefined || witness === null) return;
    if (sharedBytes(witness, this.parts.privateDirectories) <= this.bytesAtFork) return;
    void this.stop();
    for (const each of this.family.values()) each.retire();
  }

  /** Also kills a worker that it is forking. */
  stop(): Promise<void> {
    if (this.isStopped) return this.gone;
    this.isStopped = true;
    clearTimeout(this.timer);
    this.settleStart(false);
    this.closeWindow();
    this.channel?.close();
    // Its tree includes its workers, which live on; but while it starts, it has none.
    if (this.isStarting) this.process?.kill();
    this.parts.group.kill();
    void this.emptied();
    return this.gone;
  }

  private fail(problem: Problem): void {
    if (this.isStopped) return;
    this.problem = problem;
    void this.stop();
  }

  private async emptied(): Promise<void> {
    while (this.isStarting || !this.parts.group.isEmpty()) await pause(emptyPollMs);
    this.parts.onGone(this.problem);
    this.settleGone();
  }

  private begin(directory: string): Promise<boolean> {
    this.readiness ??= new Promise((resolve) => {
      this.settleStart = resolve;
      this.directory = directory;
      this.isStarting = true;
      this.process = this.parts.spawn(directory, {
        onStarted: (pid) => {
          this.isStarting = false;
          this.pid = pid;
          if (this.isStopped) return this.parts.group.kill();
          this.closeWindow = this.parts.expectMove();
          this.settleIfReady();
        },
        onEnd: (end) => {
          this.isStarting = false;
          const message = end.kind === "ended" ? "its process ended" : end.message;
          this.fail({ message, isLasting: false });
          if (end.kind === "vanished") for (const each of this.family.values()) each.abandon();
        },
      });
    });
    return this.readiness;
  }

  private async load(channel: ParentChannel): Promise<void> {
    const end = await channel.load(this.parts.load(this.directory));
    if (end.kind === "failed") {
      const { type, message } = end.error;
      this.fail({ message, isLasting: type === "UnsafeToFork" });
      return;
    }
    this.isLoaded = end.kind === "loaded";
    this.settleIfReady();
  }

  /** Its handler is loaded, and glean-spawn has told which process it is. */
  private settleIfReady(): void {
    if (!this.isLoaded || this.pid === null || this.isStopped) return;
    if (this.parts.group.processes().some((pid) => pid !== this.pid))
      this.fail({ message: startedProcesses, isLasting: true });
    else {
      this.bytesAtFork = sharedBytes(this.pid, this.parts.privateDirectories);
      this.settleStart(true);
    }
  }

  private async forkNow(order: ForkOrder): Promise<Forked | null> {
    const isWanted = () => !this.isStopped && order.isWanted();
    if (!isWanted() || !(await this.begin(order.directory)) || !isWanted()) return null;
    this.forking = order;
    this.stillness.end();
    const connections = [this.parts.door.expect(), this.parts.door.expect()] as const;
    try {
      const { id, pid, sockets } = await askFork(this.channel!, connections);
      await this.stillness.begin();
      if (!isWanted()) return refuse(sockets);
      const { uid, group } = this.parts;
      try {
        await adopt(pid, { pid: this.pid!, uid, group }, order.group);
      } catch (thrown) {
        refuse(sockets);
        throw thrown;
      }
      this.ends.set(id, null);
      const [protocol, output] = sockets;
      return { pid, protocol, output, takeEnd: () => this.takeEnd(id) };
    } finally {
      this.forking = null;
      this.closeWindow();
      for (const each of connections) each.giveUp();
    }
  }

  private takeEnd(fork: number): ChildEnd | null {
    const end = this.ends.get(fork) ?? null;
    this.ends.delete(fork);
    return end;
  }

  private print(bytes: Buffer, source: PrintSource): void {
    for (const order of this.orders) order.print(bytes, source);
  }
}

const startedProcesses =
  "workers cannot be forked: the module started processes while it was imported: start them in after_fork(), or deploy with --no-fork";
