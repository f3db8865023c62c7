// glean-spawn as the executor uses it: a server on descriptor 3, for one attempt each time.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import * as readline from "node:readline";
import type { Duplex } from "node:stream";
import { expect } from "@jest/globals";
import { pluginFolder } from "./plugin.js";

const isRoot = process.getuid?.() === 0;

export type Field = [key: string, value: string | Buffer];

/** The request of the given records: for each a u32 size and `key=value`. */
export function encode(fields: Field[]): Buffer {
  const parts = fields.flatMap(([key, value]) => {
    const record = Buffer.concat([Buffer.from(`${key}=`), Buffer.from(value as Buffer)]);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(record.length);
    return [size, record];
  });
  return Buffer.concat(parts);
}

/** u32 length, u32 id, kind, body. */
export function frame(
  id: number,
  kind: string,
  body: Buffer = Buffer.alloc(0),
  length = body.length,
) {
  const head = Buffer.alloc(9);
  head.writeUInt32LE(length, 0);
  head.writeUInt32LE(id, 4);
  head.write(kind, 8, "latin1");
  return Buffer.concat([head, body]);
}

/** Where commands may not run as root: nobody. */
function me(): Field[] {
  return isRoot
    ? [
        ["uid", "65534"],
        ["gid", "65534"],
        ["user", "nobody"],
      ]
    : [
        ["uid", String(process.getuid?.())],
        ["gid", String(process.getgid?.())],
      ];
}

/** A running server. */
export interface Server {
  readonly child: ChildProcess;
  readonly socket: Duplex;
  readonly next: () => Promise<string>;
  readonly exit: Promise<number | null>;
  readonly stderr: () => string;
}

/** One attempt, under a server of its own. */
export interface Attempt extends Omit<Server, "socket"> {
  readonly control: {
    write(kinds: string): void;
    send(kind: string, body: readonly number[]): void;
    end(): void;
  };
  /** All lines to the end, with those already read by next(); then the server ends. */
  readonly all: () => Promise<string[]>;
  /** Of the supervisor, once its command has started. */
  readonly supervisor: () => number;
}

/**
 * A named pipe for a command's stdout: its lines are the events of a test, its end means that no
 * writer is left.
 */
export interface Fifo {
  readonly name: string;
  readonly open: () => { line: () => Promise<string>; ended: Promise<void> };
}

const escaping =
  '(setsid sh -c "trap : TERM; echo grand \\$\\$; while :; do sleep 1000; done" &); sleep 1000 & wait';

/** A folder that all may write to, and the commands that are run in it. */
export class SpawnFolder {
  readonly path = fs.mkdtempSync(path.join(os.tmpdir(), "glean-spawn-"));
  private readonly running = new Set<ChildProcess>();
  private fifos = 0;

  constructor() {
    fs.chmodSync(this.path, 0o777);
  }

  file(name: string): string {
    return path.join(this.path, name);
  }

  output(name = "out"): string {
    return fs.readFileSync(this.file(name), "utf8");
  }

  /**
   * A request that runs `args` as an unprivileged user in the folder; later fields with the same
   * key take precedence.
   */
  command(args: readonly string[], more: readonly Field[] = []): Buffer {
    const base: Field[] = [
      ...me(),
      ["cwd", this.path],
      ["stdout", this.file("out")],
      ["stderr", this.file("err")],
      ["env", "PATH=/usr/bin:/bin"],
    ];
    const replaced = new Set(more.map(([key]) => key).filter((key) => key !== "env"));
    const kept = base.filter(([key]) => !replaced.has(key));
    return encode([...kept, ...more, ...args.map((value): Field => ["arg", value])]);
  }

  serve(program = path.join(pluginFolder, "glean-spawn")): Server {
    const child = spawn(program, [], { stdio: ["ignore", "ignore", "pipe", "pipe"] });
    this.running.add(child);
    let stderr = "";
    child.stderr?.on("data", (text) => {
      stderr += String(text);
    });
    const exit = new Promise<number | null>((resolve) =>
      child.on("close", (code) => {
        this.running.delete(child);
        resolve(code);
      }),
    );
    const socket = child.stdio[3] as Duplex;
    socket.on("error", () => undefined); // it may end before it has read all
    const reader = readline.createInterface({ input: socket });
    const iterator = reader[Symbol.asyncIterator]();
    const next = async (): Promise<string> => {
      const step = await iterator.next();
      if (step.done) throw new Error(`no more lines ${stderr}`);
      return step.value;
    };
    return { child, socket, next, exit, stderr: () => stderr };
  }

  launch(request: Buffer, program?: string): Attempt {
    const server = this.serve(program);
    const { socket } = server;
    socket.write(frame(1, "R", request));
    const lines: string[] = [];
    const next = async (): Promise<string> => {
      const line = await server.next();
      expect(line.slice(0, 2)).toBe("1 ");
      lines.push(line.slice(2));
      return line.slice(2);
    };
    const all = async (): Promise<string[]> => {
      let last = "";
      while (!last.startsWith("gone")) last = await next();
      expect(lines.pop()).toBe("gone 0 0");
      socket.end();
      await server.exit;
      return lines;
    };
    const write = (kinds: string) => {
      for (const kind of kinds) socket.write(frame(1, kind));
    };
    const supervisor = () => {
      const stat = fs.readFileSync(`/proc/${lines[0]!.split(" ")[1]}/stat`, "latin1");
      return Number(stat.slice(stat.lastIndexOf(")")).split(" ")[2]);
    };
    const send = (kind: string, body: readonly number[]) =>
      socket.write(frame(1, kind, Buffer.from(body)));
    const control = { write, send, end: () => socket.end() };
    return { ...server, next, control, all, supervisor };
  }

  /** Runs to the end; the last line's words. */
  async finish(request: Buffer): Promise<string[]> {
    const attempt = this.launch(request);
    const lines = await attempt.all();
    expect(await attempt.exit).toBe(0);
    return (lines.at(-1) ?? "").split(" ");
  }

  fifo(): Fifo {
    const name = this.file(`fifo${this.fifos++}`);
    execFileSync("mkfifo", ["-m", "666", name]);
    const open = () => {
      const stream = fs.createReadStream(name);
      const ended = new Promise<void>((resolve) => stream.on("close", () => resolve()));
      const iterator = readline.createInterface({ input: stream })[Symbol.asyncIterator]();
      return { line: async () => String((await iterator.next()).value), ended };
    };
    return { name, open };
  }

  /**
   * Starts a command with a child and a double-forked grandchild in its own session that ignores
   * SIGTERM.
   */
  async launchTree(more: readonly Field[] = []) {
    const pipe = this.fifo();
    const stdout: Field = ["stdout", pipe.name];
    const attempt = this.launch(this.command(["sh", "-c", escaping], [stdout, ...more]));
    const reader = pipe.open();
    const grand = Number((await reader.line()).split(" ")[1]);
    const started = await attempt.next();
    expect(started).toMatch(/^started \d+ \d+ \d+$/);
    expect(fs.existsSync(`/proc/${grand}`)).toBe(true);
    return { attempt, reader, grand, main: Number(started.split(" ")[1]) };
  }

  remove(): void {
    for (const child of this.running) child.kill("SIGTERM");
    fs.rmSync(this.path, { recursive: true, force: true });
  }
}
