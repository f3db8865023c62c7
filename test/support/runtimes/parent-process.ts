// A parent of Python workers, with the door at which its workers arrive.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChildEnd } from "../../../src/wire/worker/messages.js";
import { ChildDoor } from "../../../src/workers/child-door.js";
import { type ForkEnd, ParentChannel } from "../../../src/workers/parent-channel.js";
import type { WorkerFailure } from "../../../src/workers/worker-failure.js";
import type { LoadEnd } from "../../../src/workers/worker-link.js";
import { parentCommand } from "./python-runtime.js";
import { bundleOf, type RuntimeProcess, runtimeOver, startProcess } from "./runtime-process.js";

const load = {
  concurrency: 1,
  outputLimitBytes: 64 * 1024 * 1024,
  logLimitBytes: 1024 * 1024,
};

export class ParentProcess {
  readonly process = startProcess(parentCommand);
  readonly channel: ParentChannel;
  readonly closed: Promise<WorkerFailure>;
  log = "";
  private readonly ends = new Map<number, (end: ChildEnd) => void>();
  private readonly folder = mkdtempSync(join(tmpdir(), "gleaner-door-"));
  private readonly directory: string;
  private door: Promise<ChildDoor> | null = null;

  constructor(files: Readonly<Record<string, string>>) {
    this.directory = bundleOf(files);
    let onClosed: (failure: WorkerFailure) => void = () => {};
    this.closed = new Promise((resolve) => {
      onClosed = resolve;
    });
    this.channel = new ParentChannel(this.process.socket, {
      onLog: (_stream, bytes) => {
        this.log += bytes;
      },
      onChildEnded: (id, end) => this.ends.get(id)?.(end),
      onClosed,
    });
  }

  load(): Promise<LoadEnd> {
    return this.channel.load({ ...load, directory: this.directory });
  }

  /** A forked worker, loaded. */
  async worker(): Promise<{ runtime: RuntimeProcess; pid: number; ended: Promise<ChildEnd> }> {
    const { fork, socket, ended } = await this.fork();
    const runtime = runtimeOver(socket, this.process);
    const end = await runtime.load({ directory: this.directory });
    if (fork.kind !== "forked" || end.kind !== "loaded")
      throw new Error(`no worker: ${JSON.stringify([fork, end])}`);
    return { runtime, pid: fork.pid, ended };
  }

  async fork() {
    this.door ??= ChildDoor.open(join(this.folder, "door"));
    const expected = (await this.door).expect();
    const { id, end } = this.channel.fork(expected);
    const ended = new Promise<ChildEnd>((resolve) => this.ends.set(id, resolve));
    const fork: ForkEnd = await end;
    if (fork.kind !== "forked") expected.giveUp();
    const socket = await expected.arrived;
    if (socket === null) throw new Error(`no worker arrived: ${JSON.stringify(fork)}`);
    return { fork, socket, ended };
  }

  async remove(): Promise<void> {
    (await this.door)?.close();
    rmSync(this.folder, { recursive: true });
  }
}
