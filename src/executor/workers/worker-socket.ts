// The socket to which workers connect while they start: glean-spawn opens two connections for each,
// as root, and says on their first lines whose they are.

import { mkdirSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { clearTimeout, setTimeout } from "../../clock.js";

/** `protocol 4294967295\n` */
const maxLineBytes = 40;
/** glean-spawn writes the line at once. */
const lineMs = 5_000;

export interface ExpectedWorker {
  /** The connection of the worker protocol, which the worker has as descriptor 3. */
  onProtocol(socket: Socket): void;
  /** What the worker and its children print. */
  onOutput(socket: Socket): void;
}

export class WorkerSocket {
  private readonly expected = new Map<number, ExpectedWorker>();
  private lastId = 0;

  private constructor(
    readonly path: string,
    private readonly server: Server,
  ) {}

  /** `path` must be in a folder that only this process's user may enter. */
  static async listen(path: string): Promise<WorkerSocket> {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    rmSync(path, { force: true });
    const server = createServer({ pauseOnConnect: true });
    const sockets = new WorkerSocket(path, server);
    server.on("connection", (socket) => sockets.read(socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    return sockets;
  }

  /** Returns the number under which the worker must connect. */
  expect(worker: ExpectedWorker): number {
    const id = ++this.lastId;
    this.expected.set(id, worker);
    return id;
  }

  forget(id: number): void {
    this.expected.delete(id);
  }

  close(): void {
    this.server.close();
    rmSync(this.path, { force: true });
  }

  private read(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    const late = setTimeout(() => socket.destroy(), lineMs);
    let head = Buffer.alloc(0);
    const take = (piece: Buffer) => {
      head = Buffer.concat([head, piece]);
      const end = head.indexOf("\n");
      if (end < 0 && head.length <= maxLineBytes) return;
      clearTimeout(late);
      socket.off("data", take);
      socket.pause();
      if (end < head.length - 1) socket.unshift(head.subarray(end + 1));
      this.handOver(socket, end < 0 ? "" : head.subarray(0, end).toString("latin1"));
    };
    socket.on("data", take);
    socket.resume();
  }

  private handOver(socket: Socket, line: string): void {
    const match = /^(protocol|output) (\d{1,10})$/.exec(line);
    const worker = match && this.expected.get(Number(match[2]));
    if (!worker) socket.destroy();
    else if (match[1] === "protocol") worker.onProtocol(socket);
    else worker.onOutput(socket);
  }
}
