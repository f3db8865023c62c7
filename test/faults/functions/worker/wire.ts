// The connection between a simulated executor and one of its workers: a stream in order, with a
// latency; the executor's end looks like node's socket.

import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { World } from "../../site/world.js";
import type { Process } from "../../timeline.js";

export interface WorkerEnd {
  /** The executor writes them; they arrive later, if the worker still lives. */
  onWritten(bytes: Buffer): void;
  onBytes(bytes: Buffer): void;
  /** The executor closed the connection, or is dead. */
  onClosed(): void;
}

const late = { oftenLate: 0.05, lateMs: 10 };
const veryLate = { oftenLate: 1, lateMs: 40 };

export class WorkerWire extends EventEmitter {
  readonly writableLength = 0;
  destroyed = false;
  private isPaused = true;
  private readonly held: (() => void)[] = [];
  private lastToWorkerMs = 0;
  private lastToExecutorMs = 0;

  constructor(
    private readonly world: World,
    private readonly executor: Process,
    private readonly worker: WorkerEnd,
  ) {
    super();
  }

  /** As the executor takes it. */
  get socket(): Socket {
    return this as unknown as Socket;
  }

  write(bytes: Uint8Array): boolean {
    if (this.destroyed) return false;
    // A copy: who writes may use its buffer again.
    const sent = Buffer.from(bytes);
    this.worker.onWritten(sent);
    this.executor.act(() => this.toWorker(() => this.worker.onBytes(sent)));
    return true;
  }

  end(): void {
    if (!this.destroyed) this.toWorker(() => this.worker.onClosed());
  }

  destroy(): void {
    this.end();
    this.destroyed = true;
  }

  cork(): void {}
  uncork(): void {}
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
    while (!this.isPaused && this.held.length > 0) this.held.shift()!();
  }

  /** The worker writes; `heard` is called as soon as the executor reads it. */
  say(bytes: Buffer, heard: () => void = () => {}): void {
    this.toExecutor(() => {
      heard();
      this.emit("data", bytes);
    });
  }

  /** The worker's process is gone. */
  hangUp(): void {
    this.toExecutor(() => {
      this.emit("end");
      this.destroyed = true;
      this.emit("close");
    });
  }

  private toWorker(arrive: () => void): void {
    const { world } = this;
    const atMs = Math.max(world.nowMs + world.chance.ms(0.02, 0.2), this.lastToWorkerMs);
    this.lastToWorkerMs = atMs;
    world.after(atMs - world.nowMs, arrive);
  }

  private toExecutor(arrive: () => void): void {
    const { world } = this;
    const { chance } = world;
    // Now and then the executor reads late, and kills a worker that has answered.
    const { oftenLate, lateMs } = world.sabotage.hearsLate ? veryLate : late;
    const latencyMs = chance.happens(oftenLate) ? chance.ms(0.2, lateMs) : chance.ms(0.02, 0.2);
    const atMs = Math.max(world.nowMs + latencyMs, this.lastToExecutorMs);
    this.lastToExecutorMs = atMs;
    world.within(this.executor, atMs - world.nowMs, () => {
      if (this.isPaused) this.held.push(arrive);
      else arrive();
    });
  }
}
