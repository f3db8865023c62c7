// An API server on its own port for tests of routes: every uid has a token, and uid 0 is an
// operator.

import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { nowMs } from "../../../src/clock.js";
import type { CallServing } from "../../../src/daemon/api/calls/connection.js";
import { serveCallConnections } from "../../../src/daemon/api/calls/connections.js";
import { type Handlers, register } from "../../../src/daemon/api/server/register.js";
import { createServer } from "../../../src/daemon/api/server/server.js";
import type { Act } from "../../../src/daemon/auth/audit.js";
import type { MungeAuthenticator } from "../../../src/daemon/auth/munge.js";
import { Secrets } from "../../../src/daemon/auth/tokens.js";
import { CarriedMemory } from "../../../src/daemon/carried/memory.js";
import { stubAuthority } from "./authority.js";

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server sent
  readonly body: any;
}

export class TestApi {
  /** What went into the audit log. */
  readonly acts: Act[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), "gleaner-api-"));
  readonly #secrets = Secrets.load(join(this.#folder, "key"));
  readonly #server: FastifyInstance;

  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer({
      ...stubAuthority,
      audit: { note: (_caller, _address, act) => void this.acts.push(act) },
      secrets: this.#secrets,
      munge: {} as unknown as MungeAuthenticator,
      operators: [],
      tokenMs: 1_000,
      log: pino({ level: "silent" }),
    });
  }

  /** With `answer`, also connections that carry many calls. */
  static async open(
    handlers: Partial<Handlers>,
    answer?: CallServing["answer"],
    carriedMemory = new CarriedMemory(),
  ): Promise<TestApi> {
    const api = new TestApi();
    register(api.#server, handlers);
    if (answer !== undefined) serveCallConnections(api.#server, { answer, carriedMemory });
    api.#server.server.on("connection", (socket) => api.#sockets.add(socket));
    await api.#server.listen({ host: "127.0.0.1", port: 0 });
    return api;
  }

  async close(): Promise<void> {
    await this.#server.close();
    rmSync(this.#folder, { recursive: true });
  }

  onConnection(happened: () => void): void {
    this.#server.server.on("connection", happened);
  }

  /** Those that are open now, also after an upgrade. */
  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  /** The user is called u1000 for uid 1000. */
  tokenOf(uid: number, validMs = 60_000): string {
    return this.#secrets.issueToken({ uid, gid: uid, user: `u${uid}` }, nowMs() + validMs);
  }

  /** GET, or POST of a body. */
  ask(path: string, uid = 0, body?: object): Promise<Answer> {
    return this.send(body === undefined ? "GET" : "POST", path, uid, body);
  }

  /** With a body of JSON, or of any bytes. */
  async send(method: string, path: string, uid = 0, body?: object): Promise<Answer> {
    const isBytes = body instanceof Uint8Array;
    const headers = {
      authorization: `Bearer ${this.tokenOf(uid)}`,
      ...(body !== undefined && {
        "content-type": isBytes ? "application/octet-stream" : "application/json",
      }),
    };
    const sent = isBytes ? Buffer.from(body) : JSON.stringify(body);
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method,
      headers,
      ...(body !== undefined && { body: sent }),
    });
    return { status: answer.status, body: await answer.json() };
  }
}
