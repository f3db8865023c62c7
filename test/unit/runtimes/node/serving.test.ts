// A worker for JavaScript that serves a lease, and those who should not be its clients.

import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import {
  type DirectType,
  encodeDirectFrame,
  encodeDirectHead,
} from "../../../../src/wire/direct/frame.js";
import {
  decodeRefused,
  decodeWorkerHello,
  encodeClientHello,
  encodeClientProof,
  type WorkerHello,
} from "../../../../src/wire/direct/messages.js";
import { newNonce, proofOf } from "../../../../src/wire/direct/proofs.js";
import { DirectReader } from "../../../../src/wire/direct/reader.js";
import { encodeCallHead } from "../../../../src/wire/worker/messages.js";
import type { Serving } from "../../../../src/wire/worker/serving.js";
import {
  type ServedEndpoint,
  type ServedWorker,
  type ServingOptions,
  startServing,
  stopServing,
} from "../../../support/runtimes/serving.js";

const code = {
  "index.mjs": `export default (input) => {
    const text = String(input);
    if (text === "big") return new Uint8Array(8 << 20);
    if (text === "wait") return new Promise(() => {});
    return input;
  };`,
};
const serve = (options: ServingOptions = {}): Promise<ServedWorker> =>
  startServing("node", code, options);

afterEach(stopServing);

/** A client that says what it is told to, and keeps what it hears. */
class Peer {
  readonly heard: [DirectType, number, Buffer][] = [];
  isClosed = false;
  private readonly nonce = newNonce();
  private bell: () => void = () => {};

  private constructor(readonly socket: Socket) {
    const reader = new DirectReader(({ type, id, payload }) => {
      this.heard.push([type, id, Buffer.from(payload)]);
    });
    socket.on("data", (piece: Buffer) => {
      reader.push(piece);
      this.bell();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.isClosed = true;
      this.bell();
    });
  }

  static async to({ port }: ServedEndpoint): Promise<Peer> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new Peer(socket);
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo())
      await new Promise<void>((resolve) => {
        this.bell = resolve;
      });
  }

  closed(): Promise<void> {
    return this.until(() => this.isClosed);
  }

  async greet({ worker }: { worker: string }): Promise<WorkerHello> {
    const hello = encodeClientHello({ worker, nonce: this.nonce });
    this.socket.write(encodeDirectFrame("clientHello", 0, hello));
    await this.until(() => this.heard.length > 0 || this.isClosed);
    return decodeWorkerHello(this.heard.shift()![2]);
  }

  proofOf({ key, worker }: { key: string; worker: string }, { nonce }: WorkerHello): string {
    const challenge = { worker, clientNonce: this.nonce, workerNonce: nonce };
    return proofOf("client", Buffer.from(key, "hex"), challenge);
  }

  prove(proof: string): void {
    this.socket.write(encodeDirectFrame("clientProof", 0, encodeClientProof(proof)));
  }

  /** A whole handshake under this key and name. */
  async shakeHands(claim: { key: string; worker: string }): Promise<void> {
    this.prove(this.proofOf(claim, await this.greet(claim)));
    await this.until(() => this.heard.length > 0 || this.isClosed);
  }

  call(id: number, input: string): void {
    const head = { deadlineMs: 0, attempt: 1, contentType: "text/plain", name: "x" };
    const bytes = Buffer.from(input);
    const start = encodeDirectHead("call", id, encodeCallHead(head), bytes.length);
    this.socket.write(Buffer.concat([start, bytes]));
  }

  get types(): DirectType[] {
    return this.heard.map(([type]) => type);
  }
}

test("refuses a wrong key, another worker's name, and whoever does not begin as clients do", async () => {
  const { endpoint } = await serve();
  const wrong = [
    { ...endpoint, key: "0".repeat(64) },
    { ...endpoint, worker: "2.1" },
  ];
  for (const claim of wrong) {
    const peer = await Peer.to(endpoint);
    await peer.shakeHands(claim);
    await peer.closed();
    expect(decodeRefused(peer.heard[0]![2]).code).toBe("NOT_PROVEN");
  }
  const lies = [
    Buffer.from("GET / HTTP/1.1\r\nHost: here\r\n\r\n"),
    encodeDirectHead("clientHello", 0, Buffer.alloc(0), 1_025),
    encodeDirectHead("call", 1, Buffer.alloc(8), 64 << 20),
  ];
  for (const lie of lies) {
    const peer = await Peer.to(endpoint);
    peer.socket.write(lie);
    await peer.closed();
    expect(decodeRefused(peer.heard[0]![2]).code).toBe("PROTOCOL");
  }
});

test("refuses a proof that is altered, that is its own, or that another connection had", async () => {
  const { endpoint } = await serve();
  const first = await Peer.to(endpoint);
  const told = await first.greet(endpoint);
  const proof = first.proofOf(endpoint, told);
  first.prove(proof);
  await first.until(() => first.types.includes("accepted"));
  for (const lie of ["replayed", "altered", "reflected"]) {
    const peer = await Peer.to(endpoint);
    const hello = await peer.greet(endpoint);
    const mine = peer.proofOf(endpoint, hello);
    const altered = `${mine.slice(0, -1)}${mine.endsWith("0") ? "1" : "0"}`;
    peer.prove(lie === "replayed" ? proof : lie === "altered" ? altered : hello.proof);
    await peer.closed();
    expect(decodeRefused(peer.heard[0]![2]).code).toBe("NOT_PROVEN");
  }
});

test("refuses the key of the lease that it served before", async () => {
  const worker = await serve();
  await worker.end();
  const key = "1".repeat(64);
  const serving = await new Promise<Serving>((onServing) => {
    const order = { worker: "2.1", key, hotMs: 0, maxClients: 64, ports: "0" };
    worker.runtime.channel.serve(order, { onServing, onUsage: () => {} });
  });
  const endpoint = { ...worker.endpoint, ...serving };
  for (const name of ["1.1", "2.1"]) {
    const peer = await Peer.to(endpoint);
    await peer.shakeHands({ key: worker.endpoint.key, worker: name });
    await peer.closed();
    expect(decodeRefused(peer.heard[0]![2]).code).toBe("NOT_PROVEN");
  }
});

test("10,000 strangers cost the oldest of them their places, and no client its own", async () => {
  const { endpoint, runtime } = await serve();
  const client = await Peer.to(endpoint);
  await client.shakeHands(endpoint);
  let strangers: Peer[] = [];
  for (let each = 0; each < 50; each++) {
    const more = Array.from({ length: 200 }, () => Peer.to(endpoint));
    strangers = [...strangers, ...(await Promise.all(more))];
    client.call(each + 1, "hello");
    await client.until(() => client.heard.length === each + 2);
  }
  await Promise.all(strangers.slice(0, -256).map((peer) => peer.closed()));
  expect(strangers.at(-1)!.isClosed).toBe(false);
  expect(readdirSync(`/proc/${runtime.child.pid}/fd`).length).toBeLessThan(300);
  for (const { socket } of strangers) socket.destroy();
});

test("a client that takes no answers gets no more, and the others do", async () => {
  const { endpoint, runtime } = await serve();
  const [idle, client] = [await Peer.to(endpoint), await Peer.to(endpoint)];
  await idle.shakeHands(endpoint);
  await client.shakeHands(endpoint);
  idle.socket.pause();
  for (let id = 1; id <= 100; id++) idle.call(id, "big");
  client.call(1, "hello");
  await client.until(() => client.types.includes("result"));
  const status = readFileSync(`/proc/${runtime.child.pid}/status`, "utf8");
  expect(Number(/VmRSS:\s+(\d+)/.exec(status)![1])).toBeLessThan(300_000);
  idle.socket.resume();
  await idle.until(() => idle.heard.length === 101);
});

test("is busy beyond its limit, full beyond its clients, and closes for a broken rule", async () => {
  const { endpoint } = await serve({ maxClients: 1 });
  const client = await Peer.to(endpoint);
  await client.shakeHands(endpoint);
  const second = await Peer.to(endpoint);
  await second.shakeHands(endpoint);
  expect(decodeRefused(second.heard[0]![2]).code).toBe("FULL");
  for (let id = 1; id <= 258; id++) client.call(id, "wait");
  await client.until(() => client.heard.length === 3);
  expect(client.heard.slice(1).map(([type, id]) => [type, id])).toEqual([
    ["busy", 257],
    ["busy", 258],
  ]);
  client.call(5, "again");
  await client.closed();
  expect(client.types.at(-1)).toBe("bye");
});

test("tells of its end, ends what did not begin, and then knows nobody", async () => {
  const worker = await serve();
  const { endpoint } = worker;
  const client = await Peer.to(endpoint);
  await client.shakeHands(endpoint);
  worker.terminating(3_000, "the hole closes");
  await client.until(() => client.types.includes("terminating"));
  const late = await Peer.to(endpoint);
  await late.shakeHands(endpoint);
  expect(decodeRefused(late.heard[0]![2]).code).toBe("ENDED");
  client.call(1, "wait");
  client.call(2, "wait");
  const end = worker.end();
  await client.closed();
  expect(client.heard.slice(2).map(([type, id]) => [type, id])).toEqual([
    ["ended", 2],
    ["ended", 0],
  ]);
  await expect(end).resolves.toMatchObject({ kind: "returned" });
  await expect(Peer.to(endpoint)).rejects.toThrow("ECONNREFUSED");
});
