// Raw HTTP of the attackers: requests that end, requests that never end, and answers that nobody
// reads.

import { randomUUID } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { SubmitRequest } from "../../../src/wire/api/types.js";

export interface Target {
  readonly port: number;
  readonly token: string;
}

/** Resolves once connected; null if the daemon is away or refuses. */
export function dial(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => resolve(null));
    socket.once("connect", () => resolve(socket));
  });
}

export function head(target: Target, method: string, path: string, bytes: number | "chunked") {
  const length = bytes === "chunked" ? "Transfer-Encoding: chunked" : `Content-Length: ${bytes}`;
  return `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${target.token}\r\nContent-Type: application/json\r\n${length}\r\n\r\n`;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** One request on its own connection; null if it was not answered. */
export async function ask(
  target: Target,
  method: string,
  path: string,
  body = "",
): Promise<Answer | null> {
  const socket = await dial(target.port);
  if (socket === null) return null;
  socket.write(head(target, method, path, Buffer.byteLength(body)) + body);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  await new Promise((resolve) => socket.once("close", resolve));
  const text = Buffer.concat(chunks).toString();
  const status = Number(/^HTTP\/1.1 (\d{3})/.exec(text)?.[1] ?? 0);
  if (status === 0) return null;
  return { status, body: text.slice(text.indexOf("\r\n\r\n") + 4) };
}

/** Functions that end at once, or wait forever if `isHuge` or wide. */
export function submission(
  name: string,
  change: Partial<SubmitRequest["submission"]> = {},
): string {
  const request: SubmitRequest = {
    requestId: randomUUID(),
    submission: {
      name,
      command: { kind: "argv", argv: ["/bin/true"] },
      cores: 1,
      memoryMb: 50,
      memoryPerCoreMb: null,
      gpus: 0,
      timeLimitMs: null,
      workingDirectory: "/",
      stdoutPattern: "/dev/null",
      stderrPattern: null,
      environment: { PATH: "/usr/bin:/bin" },
      arrayTasks: null,
      ...change,
    },
  };
  return JSON.stringify(request);
}
