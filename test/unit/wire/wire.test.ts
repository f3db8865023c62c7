// The wire: frames cut anywhere, the mutual proof, sealed messages, and what a hostile peer gets.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { GleanerError } from "../../../src/model/errors.js";
import { executorId, invocationId, jobId } from "../../../src/model/ids.js";
import { checkDaemonMessage, checkExecutorMessage } from "../../../src/wire/checks.js";
import { maxUnsentBytes, type Timing } from "../../../src/wire/connection.js";
import { FrameReader, frame, frameOf } from "../../../src/wire/frames.js";
import {
  acceptExecutor,
  connectToDaemon,
  type DaemonConnection,
  type ExecutorConnection,
} from "../../../src/wire/handshake.js";
import {
  type ExecutorMessage,
  maxFrameBytes,
  maxFrameMessages,
  protocolVersion,
} from "../../../src/wire/messages.js";
import { pack } from "../../../src/wire/packing.js";
import { closed } from "../../support/closed.js";
import { attemptOrder } from "../../support/executor/orders.js";

/** What net.Socket calls for each write to the kernel. */
interface Writes {
  _writeGeneric(...args: unknown[]): void;
}
const executor = executorId("n1-a");
const secret = randomBytes(32).toString("hex");
const patient: Timing = { beatMs: 3_600_000, silenceMs: 3_600_000 };

describe("frames", () => {
  test("are read back unchanged, wherever the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.array(fc.nat(2_500), { maxLength: 20 }),
        (contents, cuts) => {
          const stream = Buffer.concat(contents.map((content) => frame(content)));
          const places = [...cuts, stream.length].sort((a, b) => a - b);
          const reader = new FrameReader(300);
          const got: Buffer[] = [];
          let from = 0;
          for (const to of places) {
            reader.push(stream.subarray(from, to));
            from = Math.max(from, to);
            for (let next = reader.next(); next !== null; next = reader.next()) got.push(next);
          }
          expect(got.map((each) => [...each])).toEqual(contents.map((each) => [...each]));
        },
      ),
    );
  });

  test("over the limit are refused by their announced length", () => {
    const reader = new FrameReader(10);
    reader.push(Buffer.from([0, 0, 0, 11]));
    expect(() => reader.next()).toThrow(/11 bytes; the limit is 10/);
  });
});

describe("a connection", () => {
  let server: Server;
  let sockets: Socket[];
  let peers: ExecutorConnection[];
  let accepted: Promise<{ executor: string; connection: DaemonConnection }>;
  let timing: Timing;
  let secretOf: (id: string) => string | null;

  beforeEach(async () => {
    sockets = [];
    peers = [];
    timing = patient;
    secretOf = (id) => (id === executor ? secret : null);
    server = createServer();
    accepted = new Promise((resolve, reject) => {
      server.on("connection", (socket) => {
        sockets.push(socket);
        acceptExecutor(socket, (id) => secretOf(id), timing).then(resolve, reject);
      });
    });
    accepted.catch(() => {});
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    // Of a test that failed: an open connection would keep the runner from ending.
    await Promise.all(peers.map((peer) => peer.close()));
    await new Promise((resolve) => server.close(resolve));
  });

  const port = () => (server.address() as AddressInfo).port;
  const join = async (deps = secret, as = executor) => {
    const address = { host: "127.0.0.1", port: port(), executor: as, secret: deps };
    const peer = await connectToDaemon(address, timing);
    peers.push(peer);
    return peer;
  };
  const raw = async () => {
    const socket = connect(port(), "127.0.0.1");
    sockets.push(socket);
    socket.on("error", () => {});
    await once(socket, "connect");
    return socket;
  };
  const pair = async (): Promise<[DaemonConnection, ExecutorConnection]> => {
    const there = await join();
    return [(await accepted).connection, there];
  };
  const closing = (connection: DaemonConnection | ExecutorConnection) =>
    new Promise<GleanerError | null>((resolve) => {
      connection.listen({ onMessage: () => {}, onClose: resolve });
    });

  test("carries messages both ways, in order, and closes in order", async () => {
    const [daemon, peer] = await pair();
    expect((await accepted).executor).toBe(executor);
    const heard: unknown[] = [];
    const done = new Promise<GleanerError | null>((resolve) => {
      daemon.listen({ onMessage: (message) => heard.push(message), onClose: resolve });
    });
    const ordered = new Promise((resolve) => {
      peer.listen({ onMessage: resolve, onClose: () => {} });
    });
    const messages = Array.from({ length: 100 }, (_, index) => ({
      type: "started" as const,
      key: { invocation: invocationId(index + 1), attempt: 1 },
      agoMs: index,
    }));
    for (const message of messages) expect(peer.send(message)).toBe(true);
    daemon.send({ type: "drain", reason: "why not" });
    expect(await ordered).toEqual({ type: "drain", reason: "why not" });
    await peer.close();
    expect(await done).toBeNull();
    expect(heard).toEqual(messages);
    expect(daemon.send({ type: "beat" })).toBe(false);
  });

  test("writes what is sent in one turn at once, but without delay what somebody waits for", async () => {
    const [daemon, peer] = await pair();
    const heard: string[] = [];
    const stopped = new Promise<void>((resolve) => {
      const onMessage = ({ type }: { type: string }) => {
        heard.push(type);
        if (type === "preempted") resolve();
      };
      daemon.listen({ onMessage, onClose: () => {} });
    });
    peer.listen({ onMessage: () => {}, onClose: () => {} });
    // The executor's end.
    const writes = jest.spyOn(Socket.prototype as unknown as Writes, "_writeGeneric");
    try {
      const key = { invocation: invocationId(1), attempt: 1 };
      for (let sent = 0; sent < 10; sent++) peer.send({ type: "started", key, agoMs: 0 });
      expect(writes).toHaveBeenCalledTimes(0);
      await new Promise((resolve) => setImmediate(resolve));
      expect(writes).toHaveBeenCalledTimes(1);
      peer.send({ type: "started", key, agoMs: 0 });
      peer.send({ type: "started", key, agoMs: 0 }, true);
      expect(writes).toHaveBeenCalledTimes(2);
      peer.send({ type: "started", key, agoMs: 0 });
      // Slurm kills the pilot soon.
      peer.send({ type: "preempted", job: jobId(1), lostCoreMs: 0, evicted: [] });
      expect(writes).toHaveBeenCalledTimes(3);
    } finally {
      writes.mockRestore();
    }
    await stopped;
    expect(heard).toEqual([...Array<string>(13).fill("started"), "preempted"]);
  });

  test("is refused to an executor that is unknown or has another secret", async () => {
    await expect(join(randomBytes(32).toString("hex"))).rejects.toMatchObject({
      code: "NOT_IDENTIFIED",
    });
    await expect(accepted).rejects.toBeInstanceOf(GleanerError);
    await expect(join(secret, executorId("stranger"))).rejects.toMatchObject({
      code: "NOT_IDENTIFIED",
    });
  });

  test("is refused to a peer that cannot answer the challenge", async () => {
    const socket = await raw();
    socket.write(
      frame(Buffer.from(JSON.stringify({ protocolVersion, executor, nonce: "0".repeat(64) }))),
    );
    await once(socket, "data");
    socket.write(frame(Buffer.from(JSON.stringify({ type: "proof", proof: "0".repeat(64) }))));
    await expect(accepted).rejects.toMatchObject({ code: "NOT_IDENTIFIED" });
    await closed(socket);
  });

  test("is refused to a peer of another protocol version, with a sentence", async () => {
    const socket = await raw();
    const hello = { protocolVersion: 99, executor, nonce: "0".repeat(64) };
    socket.write(frame(Buffer.from(JSON.stringify(hello))));
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toContain("install the same release");
    await expect(accepted).rejects.toMatchObject({ code: "PROTOCOL" });
  });

  test.each([
    ["a huge length", Buffer.from([0xff, 0xff, 0xff, 0xff]), /longer|larger|most|limit/],
    ["no JSON", frame(Buffer.from("GET / HTTP/1.1")), /not JSON/],
    ["a wrong shape", frame(Buffer.from('{"protocolVersion":"1"}')), /protocolVersion/],
  ])("is closed if a stranger sends %s", async (_what, bytes, sentence) => {
    const socket = await raw();
    socket.resume();
    socket.write(bytes);
    const message = expect.stringMatching(sentence);
    await expect(accepted).rejects.toMatchObject({ code: "PROTOCOL", message });
    await closed(socket);
  });

  test("reports the system's reason if it breaks", async () => {
    const [daemon] = await pair();
    const end = closing(daemon);
    sockets[0]!.emit("error", new Error("ECONNRESET"));
    const message = expect.stringMatching(/^the connection broke: ECONNRESET$/);
    expect(await end).toMatchObject({ code: "UNREACHABLE", message });
  });

  test("refuses a changed or repeated frame", async () => {
    const seen: Buffer[] = [];
    const write = Socket.prototype.write;
    const [daemon, peer] = await pair();
    const end = closing(daemon);
    // What the executor's socket wrote is what a listener on the network would have.
    Socket.prototype.write = function (this: Socket, ...args: unknown[]) {
      seen.push(args[0] as Buffer);
      return (write as (...all: unknown[]) => boolean).apply(this, args);
    } as typeof write;
    peer.send({ type: "leaving", reason: "once" });
    await new Promise((resolve) => setImmediate(resolve));
    Socket.prototype.write = write;
    expect(seen).toHaveLength(1);
    (peer as unknown as { socket: Socket }).socket.write(seen[0]!);
    expect(await end).toMatchObject({ code: "PROTOCOL", message: "a frame has an invalid seal" });
    await peer.close();
  });

  test("refuses a frame shorter than a seal", async () => {
    const [daemon, peer] = await pair();
    const end = closing(daemon);
    (peer as unknown as { socket: Socket }).socket.write(frame(Buffer.alloc(3)));
    expect(await end).toMatchObject({ code: "PROTOCOL", message: "a frame has an invalid seal" });
    await peer.close();
  });

  test("sends more than fits into one frame in several", async () => {
    const [daemon, peer] = await pair();
    const count = 3 * maxFrameMessages + 1;
    const heard: number[] = [];
    const done = new Promise<void>((resolve) => {
      const onMessage = (message: ExecutorMessage) => {
        if (message.type === "started" && heard.push(message.agoMs) === count) resolve();
      };
      daemon.listen({ onMessage, onClose: () => resolve() });
    });
    const key = { invocation: invocationId(1), attempt: 1 };
    for (let agoMs = 0; agoMs < count; agoMs++) peer.send({ type: "started", key, agoMs });
    await done;
    expect(heard).toEqual(Array.from({ length: count }, (_, agoMs) => agoMs));
    await peer.close();
  });

  test("refuses a frame of more messages than a peer ever sends in one", async () => {
    const [daemon, peer] = await pair();
    const end = closing(daemon);
    const inside = peer as unknown as {
      socket: Socket;
      seal: { next(payloads: readonly Uint8Array[]): Buffer };
    };
    const messages = Array<Uint8Array>(maxFrameMessages + 1).fill(pack({ type: "beat" }));
    inside.socket.write(frameOf([inside.seal.next(messages), ...messages]));
    expect(await end).toMatchObject({
      code: "PROTOCOL",
      message: `a frame has ${maxFrameMessages + 1} messages; the limit is ${maxFrameMessages}`,
    });
    await peer.close();
  });

  test("waits in flushed() for a slow peer, but not for one that has read", async () => {
    const [daemon, peer] = await pair();
    let isFlushed = false;
    await daemon.flushed();
    const order = attemptOrder({ command: { kind: "script", body: "x".repeat(4e6), args: [] } });
    for (let sent = 0; sent < 4; sent++) daemon.send({ type: "start", order });
    const flushed = daemon.flushed().then(() => {
      isFlushed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isFlushed).toBe(false);
    peer.listen({ onMessage: () => {}, onClose: () => {} });
    await flushed;
    await peer.close();
  });

  test("refuses a frame that is sent back to its sender", async () => {
    const seen: Buffer[] = [];
    const [daemon, peer] = await pair();
    const end = closing(peer);
    const socket = (daemon as unknown as { socket: Socket }).socket;
    socket.on("data", (piece: Buffer) => {
      if (seen.push(piece) === 1) socket.write(piece);
    });
    socket.resume();
    peer.send({ type: "leaving", reason: "once" });
    expect(await end).toMatchObject({ code: "PROTOCOL", message: "a frame has an invalid seal" });
    socket.destroy();
  });

  test("is closed with the field's name if a known peer sends an invalid message", async () => {
    const [daemon, peer] = await pair();
    const end = closing(daemon);
    peer.send({ type: "budget", budget: { cores: -1, memoryMb: 0, gpus: [] } });
    expect(await end).toMatchObject({
      code: "PROTOCOL",
      message: "message.budget.cores must be a whole number from 0 to 65536",
    });
    await peer.close();
  });

  test("is closed by the side that hears nothing, and kept open by heartbeats", async () => {
    timing = { beatMs: 20, silenceMs: 1_000 };
    const [daemon, peer] = await pair();
    let isOver = false;
    const end = closing(daemon).then((error) => {
      isOver = true;
      return error;
    });
    closing(peer);
    const beats = peer as unknown as { socket: Socket };
    let bytes = 0;
    beats.socket.on("data", (piece) => {
      bytes += piece.length;
    });
    // 70 beats of 30 bytes: longer than the silence
    while (bytes < 2_100) await once(beats.socket, "data");
    expect(isOver).toBe(false);
    // The peer's machine is gone: nothing comes, nothing is closed.
    beats.socket.write = () => true;
    expect(await end).toMatchObject({ code: "UNREACHABLE" });
    beats.socket.destroy();
  });

  test("is closed at the limit if the peer does not read", async () => {
    const [daemon, peer] = await pair();
    const end = closing(daemon);
    const reason = "x".repeat(maxFrameBytes - 100);
    let sent = 0;
    while (daemon.send({ type: "stop", reason }) && sent < 100) sent++;
    expect(sent).toBeLessThan(maxUnsentBytes / reason.length + 3);
    expect(await end).toMatchObject({ code: "UNREACHABLE" });
    (peer as unknown as { socket: Socket }).socket.destroy();
  });
});

describe("the checks", () => {
  const report = {
    invocation: 1,
    attempt: 1,
    end: "COMPLETED",
    exitCode: 0,
    signal: null,
    wallMs: 1,
    cpuMs: 1,
    maxRssMb: 1,
    reason: null,
    agoMs: 0,
  };

  test.each([
    ["a fraction", { ...report, wallMs: 0.5 }],
    ["NaN", { ...report, wallMs: Number.NaN }],
    ["a negative time", { ...report, cpuMs: -1 }],
    ["more than 53 bits", { ...report, wallMs: 2 ** 60 }],
    ["an unknown end", { ...report, end: "WON" }],
    ["a novel for a reason", { ...report, reason: "x".repeat(1_001) }],
    ["nothing", undefined],
  ])("refuse a report with %s", (_what, wrong) => {
    expect(() => checkExecutorMessage({ type: "ended", report: wrong })).toThrow(GleanerError);
  });

  test("keep only the known fields and accept any value without a crash", () => {
    const message = { type: "ended", report: { ...report, extra: 1 }, more: 2 };
    expect(checkExecutorMessage(message)).toEqual({ type: "ended", report } as ExecutorMessage);
    fc.assert(
      fc.property(fc.anything(), (value) => {
        for (const check of [checkDaemonMessage, checkExecutorMessage])
          try {
            check(value);
          } catch (thrown) {
            expect(thrown).toMatchObject({ code: "PROTOCOL" });
          }
      }),
    );
  });
});
