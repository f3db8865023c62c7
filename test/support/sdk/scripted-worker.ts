// A leased worker that knows its key and then says what a test has it say.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { DirectType } from "../../../src/wire/direct/frame.js";
import {
  decodeClientHello,
  encodeAccepted,
  encodeWorkerHello,
} from "../../../src/wire/direct/messages.js";
import { Outbox } from "../../../src/wire/direct/outbox.js";
import { newNonce, proofOf } from "../../../src/wire/direct/proofs.js";
import { DirectReader } from "../../../src/wire/direct/reader.js";
import { encodeContentType } from "../../../src/wire/worker/messages.js";

/** A client's connection as the script has it. */
export interface Scripted {
  readonly outbox: Outbox;
  readonly socket: Socket;
}

export class ScriptedWorker {
  /** The calls that it got, over all connections. */
  calls = 0;
  /** The ids of the calls that were cancelled. */
  readonly cancels: number[] = [];
  private readonly key = randomBytes(32);
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly onCall: (id: number, client: Scripted) => void,
    private readonly worker: string,
    private readonly instead: (type: DirectType, client: Scripted) => boolean,
    private readonly concurrency: number,
  ) {
    server.on("connection", (socket) => this.greet(socket));
  }

  /** `instead`: true if it has acted on a frame by itself. */
  static async start(
    onCall: (id: number, client: Scripted) => void,
    worker = "1.1",
    instead: (type: DirectType, client: Scripted) => boolean = () => false,
    concurrency = 4,
  ): Promise<ScriptedWorker> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new ScriptedWorker(server, onCall, worker, instead, concurrency);
  }

  get endpoint() {
    const { port } = this.server.address() as AddressInfo;
    return {
      ...{ worker: this.worker, node: "n1", host: "127.0.0.1", port, socket: "none" },
      ...{ hostId: "another", key: this.key.toString("hex"), state: "serving" as const },
    };
  }

  stop(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private greet(socket: Socket): void {
    this.sockets.add(socket);
    const outbox = new Outbox(socket);
    const reader = new DirectReader(({ type, id, payload }) => {
      if (this.instead(type, { outbox, socket })) return;
      if (type === "clientHello") this.hello(outbox, decodeClientHello(payload).nonce);
      else if (type === "clientProof")
        outbox.send("accepted", 0, encodeAccepted({ ...limits, concurrency: this.concurrency }));
      else if (type === "cancel") this.cancels.push(id);
      else if (type === "call") {
        this.calls++;
        this.onCall(id, { outbox, socket });
      }
    });
    socket.on("data", (piece: Buffer) => reader.push(piece));
    socket.on("error", () => {});
  }

  private hello(outbox: Outbox, clientNonce: string): void {
    const workerNonce = newNonce();
    const { worker, key } = this;
    const proof = proofOf("worker", key, { worker, clientNonce, workerNonce });
    outbox.send("workerHello", 0, encodeWorkerHello({ nonce: workerNonce, proof }));
  }
}

const limits = { maxInFlight: 64, hotMs: 0, runtime: "scripted" };

/**
 * One that runs a call at a time and answers with its name, but the call `held`, of whose arrival
 * it tells, only when told.
 */
export async function stuckWorker(
  name: string,
  held = 1,
  onHeld: () => void = () => {},
): Promise<{ readonly worker: ScriptedWorker; readonly answer: () => void }> {
  let answer = (): void => {};
  const onCall = (id: number, { outbox }: Scripted): void => {
    const send = () =>
      outbox.send("result", id, Buffer.from(name), encodeContentType("text/plain"));
    if (worker.calls === held) {
      answer = send;
      onHeld();
    } else send();
  };
  const worker: ScriptedWorker = await ScriptedWorker.start(onCall, name, () => false, 1);
  return { worker, answer: () => answer() };
}
