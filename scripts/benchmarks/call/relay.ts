// A ping-pong over node:net through a relaying process to an echoing one, each of its own.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(import.meta.url);

export class Relay {
  private constructor(
    private readonly processes: readonly ChildProcess[],
    private readonly socket: Socket,
  ) {}

  static async start(): Promise<Relay> {
    const echo = await begin("echo", 0);
    const relay = await begin("relay", echo.port);
    const socket = connect(relay.port, "127.0.0.1").setNoDelay(true);
    await once(socket, "connect");
    return new Relay([echo.child, relay.child], socket);
  }

  /** Resolves once as many bytes have come back. */
  async send(message: Buffer): Promise<void> {
    let left = message.length;
    const back = new Promise<void>((resolve) => {
      const take = (piece: Buffer) => {
        left -= piece.length;
        if (left > 0) return;
        this.socket.off("data", take);
        resolve();
      };
      this.socket.on("data", take);
    });
    this.socket.write(message);
    await back;
  }

  stop(): void {
    this.socket.destroy();
    for (const child of this.processes) child.kill();
  }
}

async function begin(kind: "echo" | "relay", target: number) {
  const child = fork(program, [kind, String(target)]);
  const [port] = (await once(child, "message")) as [number];
  return { child, port };
}

/** Runs in a process of its own. */
function serve(kind: string, target: number): void {
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    const to = kind === "echo" ? socket : connect(target, "127.0.0.1").setNoDelay(true);
    for (const each of new Set([socket, to])) each.on("error", () => each.destroy());
    socket.pipe(to);
    if (to !== socket) to.pipe(socket);
  });
  server.listen(0, "127.0.0.1", () => process.send!((server.address() as { port: number }).port));
  process.on("disconnect", () => process.exit(0));
}

if (process.send !== undefined && process.argv[1] === program)
  serve(process.argv[2]!, Number(process.argv[3]));
