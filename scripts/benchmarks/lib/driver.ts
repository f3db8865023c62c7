// A program that a benchmark drives: it is asked on its standard input and answers on its standard
// output, both a line of JSON each. Its first line says that it is ready.

import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import type { Account } from "../../cluster/command.js";
import { afterPatience } from "../../lib/patience.mjs";
import { killAllWith } from "./descendants.js";

export interface DriverProgram {
  readonly name: string;
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly account?: Account;
}

/** The end of its standard input ends it in order; later it is killed, with what it started. */
const endDeadlineMs = 15_000;
const answerDeadlineMs = 300_000;
const keptErrorCharacters = 4_000;
const markVariable = "GLEANER_BENCH_DRIVER";

export class Driver {
  private errors = "";
  private readonly lines: AsyncIterator<string>;
  private readonly closed: Promise<unknown>;
  /** If a signal ends this benchmark, nothing of it stays. */
  private readonly killAll = () => killAllWith(`${markVariable}=${this.mark}`);

  private constructor(
    private readonly name: string,
    private readonly child: ChildProcess,
    private readonly mark: string,
  ) {
    this.lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    child.stderr!.setEncoding("utf8").on("data", (piece: string) => {
      this.errors = (this.errors + piece).slice(-keptErrorCharacters);
    });
    this.closed = new Promise((resolve) => child.once("exit", resolve).once("error", resolve));
    // The line that was not answered says why.
    child.stdin!.on("error", () => undefined);
    process.once("exit", this.killAll);
  }

  /** Resolves once the program is ready for work. */
  static async start({ name, command, environment, account }: DriverProgram): Promise<Driver> {
    const mark = randomUUID();
    const child = spawn(command[0]!, command.slice(1), {
      // Ctrl-C is for the benchmark.
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...environment, ...account?.env, [markVariable]: mark },
      ...(account && { uid: account.uid, gid: account.gid }),
    });
    const driver = new Driver(name, child, mark);
    try {
      await driver.answer();
    } catch (error) {
      await driver.stop();
      throw error;
    }
    return driver;
  }

  async ask<Answer = { readonly elapsedMs: number }>(what: object): Promise<Answer> {
    this.child.stdin!.write(`${JSON.stringify(what)}\n`);
    return JSON.parse(await this.answer()) as Answer;
  }

  /** Leaves nothing of it. */
  async stop(): Promise<void> {
    this.child.stdin!.end();
    const timer = afterPatience(endDeadlineMs, () => this.child.kill("SIGKILL"));
    await this.closed;
    clearTimeout(timer);
    this.killAll();
    process.off("exit", this.killAll);
  }

  private async answer(): Promise<string> {
    const timer = afterPatience(answerDeadlineMs, () => this.child.kill("SIGKILL"));
    try {
      const { done, value } = await this.lines.next();
      if (!done) return value;
    } finally {
      clearTimeout(timer);
    }
    await this.closed;
    const last = this.errors.trim().split("\n").slice(-5).join("\n");
    throw new Error(`${this.name} ended without an answer: ${last || "it printed nothing"}`);
  }
}
