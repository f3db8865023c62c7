// Removes the checkpoint folders of ended invocations: as their owner, one after another, and stops
// at once when a job comes.

import { clearTimeout, setTimeout } from "../../clock.js";
import { messageOf } from "../../model/errors.js";
import type { InvocationId } from "../../model/ids.js";
import { noIsolation } from "../../wire/isolation.js";
import type { CheckpointOrder } from "../../wire/messages.js";
import type { AttemptGroup, Containment } from "../containment/containment.js";
import { removeLater } from "../containment/group-removal.js";
import type { ProcessEnd, RunHandle } from "../runtimes/runtime.js";
import type { SpawnOrder } from "../runtimes/spawn-request.js";
import type { Spawning } from "../runtimes/spawner.js";

/** The daemon asks again for folders that were not removed. */
const maxWaiting = 1_000;
/** A folder with millions of files takes several rounds. */
const limitMs = 60_000;
const memoryMb = 64;

interface Running {
  readonly order: CheckpointOrder;
  readonly handle: RunHandle;
  readonly ended: Promise<void>;
}

export class CheckpointRemover {
  private waiting: CheckpointOrder[] = [];
  private running: Running | null = null;

  /** Calls `done` for each folder with null, or with one sentence why it still exists. */
  constructor(
    private readonly containment: Containment,
    private readonly spawner: Pick<Spawning, "start">,
    private readonly done: (invocation: InvocationId, problem: string | null) => void,
  ) {}

  remove(order: CheckpointOrder): void {
    const isKnown = [...this.waiting, this.running?.order].some(
      (each) => each?.invocation === order.invocation,
    );
    if (isKnown || this.waiting.length >= maxWaiting) return;
    this.waiting.push(order);
    this.next();
  }

  /**
   * A job needs the node, or the executor leaves: drops what is queued and resolves once no process
   * is left.
   */
  async stop(): Promise<void> {
    this.waiting = [];
    this.running?.handle.kill();
    await this.running?.ended;
  }

  private next(): void {
    while (this.running === null) {
      const order = this.waiting.shift();
      if (order === undefined) return;
      this.begin(order);
    }
  }

  private begin(order: CheckpointOrder): void {
    let group: AttemptGroup;
    try {
      group = this.containment.openGroup(`remove.${order.invocation}`, {
        cores: 1,
        memoryMb,
        gpus: [],
      });
    } catch (thrown) {
      this.done(order.invocation, `the node could not create a cgroup: ${messageOf(thrown)}`);
      return;
    }
    let settle = () => {};
    const ended = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const onEnd = (end: ProcessEnd) => {
      clearTimeout(late);
      this.running = null;
      settle();
      removeLater(group);
      this.done(order.invocation, problemOf(end));
      this.next();
    };
    const handle = this.spawner.start(removalOf(order), group, {
      onStarted: () => {},
      onEnd,
    });
    const late = setTimeout(() => handle.kill(), limitMs);
    this.running = { order, handle, ended };
  }
}

function problemOf(end: ProcessEnd): string | null {
  if (end.kind !== "ended") return end.message;
  if (end.signal !== 0) return "the removal was interrupted";
  return end.exitCode === 0 ? null : `the removal failed with exit code ${end.exitCode}`;
}

/**
 * Runs as the user, who can remove only their own files, and in glean-spawn itself: a user who may
 * write to the parent folder could otherwise replace the folder by another while a program removes
 * it by name.
 */
const removalOf = ({ path, ...owner }: CheckpointOrder): SpawnOrder => ({
  ...owner,
  attempt: 1,
  cores: 1,
  memoryMb,
  gpus: 0,
  timeLimitMs: limitMs,
  workingDirectory: "/",
  stdoutPath: "/dev/null",
  stderrPath: "/dev/null",
  environment: {},
  command: { kind: "removeCheckpoint", path },
  // The removal must see the folder even where functions may not.
  isolation: noIsolation,
  notice: null,
  checkpointDirectory: null,
});
