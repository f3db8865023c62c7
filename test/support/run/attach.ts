// The program on the node behind `glean run`, under the sanitizers, with the SDK's own listener as
// its client.

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import type { Arrival } from "../../../src/sdk/run/handshake.js";
import { RunListener } from "../../../src/sdk/run/listener.js";
import { RunSession, type RunStart, type TaskEnd } from "../../../src/sdk/run/session.js";
import type { RunClient } from "../../../src/wire/messages.js";
import { encodeFields } from "../../../src/wire/worker/fields.js";
import { runtimesFolder } from "../runtimes/c-runtimes.js";

export const plainStart: RunStart = { pty: null, unbuffered: false, input: "none" };

interface AttachOptions {
  readonly tasks?: number;
  readonly key?: Buffer;
  readonly notice?: number;
  /** What it is told otherwise of where the client listens. */
  readonly client?: Partial<RunClient>;
}

/** Starts the program; it connects to `client` with the key. */
export function attach(
  client: RunClient,
  argv: readonly string[],
  { tasks = 1, key = Buffer.alloc(32, 7), notice }: AttachOptions = {},
): ChildProcess {
  const program = join(runtimesFolder, "asan", "glean-runtime-attach");
  const child = spawn(program, argv, {
    stdio: ["pipe", "inherit", "inherit"],
    env: { PATH: process.env.PATH, GLEANER_NODE: "n1" },
  });
  const { hosts, port, socket, bootId } = client;
  const order = { attempt: "42.1", key: key.toString("hex"), tasks, hosts: hosts.join(","), port };
  child.stdin!.end(encodeFields({ ...order, socket, bootId, notice, noticeMain: 1 }));
  return child;
}

/** What a session heard, and ways to wait for it. */
export class Heard {
  readonly ends = new Map<number, TaskEnd>();
  readonly failures: string[] = [];
  notices = 0;
  bytes = 0;
  /** If set, output is refused, as by a reader that does not read. */
  isFull = false;
  isOver: boolean | null = null;
  private readonly texts = new Map<string, string>();
  private wake: () => void = () => undefined;

  text(stream: "output" | "errors", task = 0): string {
    return this.texts.get(`${stream} ${task}`) ?? "";
  }

  async until(what: () => boolean): Promise<void> {
    while (!what())
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
  }

  begin(arrival: Arrival, start: RunStart): RunSession {
    const said = (action: () => void) => {
      action();
      this.wake();
    };
    return new RunSession(arrival, start, {
      onStarted: () => this.wake(),
      onFailed: (_task, program, problem) =>
        said(() => this.failures.push(`${program}: ${problem}`)),
      onOutput: (task, stream, bytes) => {
        said(() => {
          this.bytes += bytes.length;
          const key = `${stream} ${task}`;
          if (this.bytes < 1e6) this.texts.set(key, (this.texts.get(key) ?? "") + bytes);
        });
        return !this.isFull;
      },
      onExited: (task, end) => said(() => this.ends.set(task, end)),
      onNotice: () => said(() => this.notices++),
      onInputRoom: () => this.wake(),
      onClosed: (isOver) =>
        said(() => {
          this.isOver = isOver;
        }),
    });
  }
}

export interface Run {
  readonly child: ChildProcess;
  readonly session: RunSession;
  readonly heard: Heard;
  /** The program's exit status. */
  readonly exited: Promise<number | null>;
  close(): void;
}

/** The program with a session that has begun. */
export async function begin(
  argv: readonly string[],
  start: RunStart = plainStart,
  options: AttachOptions = {},
): Promise<Run> {
  const key = randomBytes(32);
  const heard = new Heard();
  let arrived: (arrival: Arrival) => void = () => undefined;
  const arrival = new Promise<Arrival>((resolve) => {
    arrived = resolve;
  });
  const listener = await RunListener.open({ ports: null, host: "127.0.0.1" }, arrived);
  listener.expect("42", key);
  const child = attach({ ...listener.client, ...options.client }, argv, { ...options, key });
  const exited = once(child, "exit").then(([code]) => code as number | null);
  const session = heard.begin(await arrival, start);
  return { child, session, heard, exited, close: () => listener.close() };
}
