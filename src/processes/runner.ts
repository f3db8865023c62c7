// Runs programs through a small helper process, because a large process stands still while it
// starts one: fork copies the tables of all its memory, 60 ms for 500 MB on a busy machine.

import { type ChildProcess, spawn } from "node:child_process";
import { messageOf } from "../model/errors.js";
import type { Ended, Wanted } from "./messages.js";
import { notStarted, type ProgramEnd, type ProgramRun } from "./run.js";

export class ProgramRunner {
  private helper: ChildProcess | null = null;
  private readonly waiting = new Map<number, (end: ProgramEnd) => void>();
  private lastId = 0;

  /**
   * Starts the helper, while this process is small. `onLost` gets a sentence if the helper ends or
   * cannot be started; the next run starts another one.
   */
  constructor(
    private readonly helperFile: string,
    private readonly onLost: (sentence: string) => void,
  ) {
    this.helper = this.start();
  }

  /** Never rejects. If the helper is killed, so are its runs. */
  readonly run = (run: ProgramRun): Promise<ProgramEnd> =>
    new Promise((resolve) => {
      const id = ++this.lastId;
      this.waiting.set(id, resolve);
      const wanted: Wanted = { id, run };
      this.helper ??= this.start();
      // Its end tells about a message that it did not get.
      if (this.helper?.connected) this.helper.send(wanted, () => {});
    });

  /** Ends the helper. */
  close(): void {
    const { helper } = this;
    this.helper = null;
    if (helper?.connected) helper.disconnect();
  }

  /** Returns null, and ends all runs, if this process has no memory for another one. */
  private start(): ChildProcess | null {
    try {
      return this.watch(
        spawn(process.execPath, [...process.execArgv, this.helperFile], {
          stdio: ["ignore", "ignore", "inherit", "ipc"],
          serialization: "advanced",
        }),
      );
    } catch (thrown) {
      this.cannotStart(thrown);
      return null;
    }
  }

  private watch(helper: ChildProcess): ChildProcess {
    // It keeps no process running that has nothing else to do.
    helper.unref();
    helper.channel?.unref();
    helper.on("message", ({ id, end }: Ended) => {
      this.waiting.get(id)?.(end);
      this.waiting.delete(id);
    });
    helper.on("error", (cause) => {
      if (this.helper === helper) this.cannotStart(cause);
    });
    helper.once("exit", (code, signal) => {
      if (this.helper !== helper) return;
      const how = signal ?? `exit status ${code}`;
      this.onLost(`the process that runs commands for gleanerd ended (${how}): another is started`);
      this.endAll({ how: "killed", signal: how });
    });
    return helper;
  }

  private cannotStart(cause: unknown): void {
    this.onLost(
      `the process that runs commands for gleanerd cannot be started (${messageOf(cause)}): the next command tries again`,
    );
    this.endAll(notStarted(cause));
  }

  private endAll(end: ProgramEnd): void {
    this.helper = null;
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const resolve of waiting) resolve(end);
  }
}
