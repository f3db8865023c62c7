// Runs programs through a small helper process, because a large process stands still while it
// starts one: fork copies the tables of all its memory, 60 ms for 500 MB on a busy machine.

import { type ChildProcess, spawn } from "node:child_process";
import { messageOf } from "../model/errors.js";
import type { Ended, Wanted } from "./messages.js";
import type { ProgramEnd, ProgramRun } from "./run.js";

export class ProgramRunner {
  private helper: ChildProcess | null = null;
  private readonly waiting = new Map<number, (end: ProgramEnd) => void>();
  private lastId = 0;

  /**
   * Starts the helper, while this process is small. `onLost` gets a sentence if the helper ends;
   * the next run starts another one.
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
      this.helper.send(wanted, () => {});
    });

  /** Ends the helper. */
  close(): void {
    const { helper } = this;
    this.helper = null;
    if (helper?.connected) helper.disconnect();
  }

  private start(): ChildProcess {
    const helper = spawn(process.execPath, [...process.execArgv, this.helperFile], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      serialization: "advanced",
    });
    // It keeps no process running that has nothing else to do.
    helper.unref();
    helper.channel?.unref();
    helper.on("message", ({ id, end }: Ended) => {
      this.waiting.get(id)?.(end);
      this.waiting.delete(id);
    });
    helper.once("error", (cause) =>
      this.lose(helper, messageOf(cause), { how: "notStarted", reason: messageOf(cause) }),
    );
    helper.once("exit", (code, signal) =>
      this.lose(helper, signal ?? `exit status ${code}`, {
        how: "killed",
        signal: signal ?? `exit status ${code}`,
      }),
    );
    return helper;
  }

  private lose(helper: ChildProcess, how: string, end: ProgramEnd): void {
    if (this.helper !== helper) return;
    this.helper = null;
    this.onLost(`the process that runs commands for gleanerd ended (${how}): another is started`);
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const resolve of waiting) resolve(end);
  }
}
