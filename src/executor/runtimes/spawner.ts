// Starts commands through glean-spawn, whose server it starts when the first one comes, and again
// after it was killed.

import type { AttemptGroup } from "../containment/containment.js";
import type { ProcessEvents, RunHandle } from "./runtime.js";
import { spawnFailed } from "./spawn-report.js";
import type { SpawnOrder } from "./spawn-request.js";
import { SpawnServer } from "./spawn-server.js";
import type { TemporaryFolder } from "./temporary-folder.js";

/** The port of commands: starts each as its user in a group. */
export interface Spawning {
  /** Never throws: errors become ends. */
  start(order: SpawnOrder, group: AttemptGroup, events: ProcessEvents): RunHandle;
  /** Kills what still runs and resolves once all processes are gone. */
  close(): Promise<void>;
}

/** Lets users read the code of functions. */
export interface Admitting {
  /** Resolves with an exit status of PROTOCOL.md; null if nobody knows what became of it. */
  admit(uid: number, folder: string): Promise<number | null>;
}

export class Spawner implements Spawning, Admitting {
  private server: SpawnServer | null = null;

  /**
   * With `sharesSession`, commands stay in our session: where sessions are scheduled as groups
   * (autogroup), idle priority counts only within a session, and a non-root user cannot create a
   * session of lower priority than ours, so that busy functions would take as much of a processor
   * as the process that has to end them. Without `temporary`, commands share the node's /tmp.
   */
  constructor(
    private readonly program: string,
    private readonly sharesSession = process.geteuid!() !== 0,
    private readonly temporary: Pick<TemporaryFolder, "next"> | null = null,
  ) {}

  start(order: SpawnOrder, group: AttemptGroup, events: ProcessEvents): RunHandle {
    try {
      this.server ??= this.launch();
    } catch (thrown) {
      // Without memory for another process, or if glean-spawn is no program.
      return failed(thrown, events);
    }
    const own = order.command.kind === "removeCheckpoint" ? null : this.temporary;
    return this.server.start(own === null ? order : within(own.next(), order), group, events);
  }

  /** Rejects if no server can be started. */
  async admit(uid: number, folder: string): Promise<number | null> {
    this.server ??= this.launch();
    return this.server.admit(uid, folder);
  }

  async close(): Promise<void> {
    await this.server?.close();
  }

  private launch(): SpawnServer {
    const server = new SpawnServer(this.program, this.sharesSession, () => {
      if (this.server === server) this.server = null;
    });
    return server;
  }
}

/** Ends later, as if a process had been tried. */
function failed(thrown: unknown, events: ProcessEvents): RunHandle {
  const end = spawnFailed(thrown);
  process.nextTick(() => events.onEnd(end));
  return { terminate: () => {}, notify: () => {}, kill: () => {} };
}

/** Under a name of our own, too: scripts set TMPDIR to other folders. */
function within(temporaryPath: string, order: SpawnOrder): SpawnOrder {
  const environment = { ...order.environment, GLEANER_TMPDIR: temporaryPath };
  return { ...order, environment, temporaryPath };
}
