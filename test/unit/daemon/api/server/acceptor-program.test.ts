// The program glean-acceptor, under the sanitizers: which connections it passes on, in which order,
// and what becomes of the others. The test plays gleanerd: it reads a line for each connection, and
// the descriptor beside it is closed, which that client sees.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { makeAcceptor } from "../../../../support/daemon/acceptor.js";

/** How many connections it passes on before the first is acknowledged. */
const window = 8;
const late = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n";
const full = "HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\n\r\n";
const forever = 3_600_000;
const line = '{"cmd":"NODE_HANDLE","type":"net.Socket","msg":"connection"}';
let sanitized: string;
let running: Running | null = null;

interface Running {
  readonly child: ChildProcess;
  readonly port: number;
  readonly channel: Duplex;
  readonly lines: string[];
  readonly sockets: Socket[];
}

beforeAll(() => {
  sanitized = makeAcceptor("asan");
});
afterEach(async () => {
  if (running === null) return;
  const { child, channel, sockets } = running;
  const ended = child.exitCode === null ? once(child, "exit") : Promise.resolve([child.exitCode]);
  channel.destroy();
  for (const socket of sockets) socket.destroy();
  running = null;
  // The sanitizers end it with another code.
  expect((await ended)[0]).toBe(0);
});

async function start({
  headTimeoutMs = forever,
  descriptors = 1_000,
  acknowledges = false,
  file = sanitized,
} = {}): Promise<Running> {
  const listener = createServer();
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const child = spawn(
    "prlimit",
    [`--nofile=${descriptors}`, file, String(headTimeoutMs), late, full],
    {
      // Nobody may look into it, so it cannot look for leaks itself.
      env: { ...process.env, ASAN_OPTIONS: "detect_leaks=0" },
      stdio: [
        "ignore",
        "ignore",
        "inherit",
        "pipe",
        (listener as unknown as { _handle: { fd: number } })._handle.fd,
      ],
    },
  );
  // From here on only the program accepts.
  listener.close();
  const channel = child.stdio[3] as Duplex;
  const lines: string[] = [];
  createInterface({ input: channel }).on("line", (each) => {
    lines.push(each);
    if (acknowledges) channel.write("{}\n");
  });
  running = { child, port, channel, lines, sockets: [] };
  return running;
}

function client({ port, sockets }: Running, sent: string | Buffer): Socket {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => {});
  // It ends only when it has read the other side's end.
  socket.resume();
  socket.write(sent);
  sockets.push(socket);
  return socket;
}

/** Resolves when a connection is gone, however it ended. */
const gone = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => socket.once("close", resolve));

const request = (token: string | null): string =>
  `GET /v1/info HTTP/1.1\r\nHost: x\r\n${token === null ? "" : `authorization: Bearer ${token}\r\n`}\r\n`;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(1);
}

/**
 * Whether the other side has accepted it, and all that it sent has arrived there: until then the
 * kernel shows no number for its socket, or nothing to read.
 */
function hasArrived({ localPort = 0, remotePort = 0 }: Socket): boolean {
  const endOf = (port: number) => `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const [mine, other] = [endOf(localPort), endOf(remotePort)];
  return readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .some(
      ([, own, peer, , queues, ...rest]) =>
        own?.endsWith(other) &&
        peer?.endsWith(mine) &&
        !queues?.endsWith(":00000000") &&
        rest[4] !== "0",
    );
}

/** How many connections it holds: nothing else shows it from outside. */
function held({ child }: Running): number {
  const folder = `/proc/${child.pid}/fd`;
  return readdirSync(folder).filter((name) => {
    try {
      return statSync(`${folder}/${name}`).isSocket();
    } catch {
      return false; // closed meanwhile
    }
  }).length;
}

test("a connection is passed on once its head is complete", async () => {
  const acceptor = await start();
  const incomplete = client(acceptor, "GET / HTTP/1.1\r\nHost: x\r\n");
  await gone(client(acceptor, request(null)));
  expect(acceptor.lines).toEqual([line]);
  const passed = gone(incomplete);
  incomplete.write("\r\n");
  await passed;
  expect(acceptor.lines).toEqual([line, line]);
});

test.each([
  ["a TLS client's first bytes", Buffer.from([0x16, 0x03, 0x01])],
  ["a line without a carriage return", "GET / HTTP/1.1\n"],
  ["a line that is no request", "HELLO\r\n"],
  ["a request without a version", "GET /\r\n"],
  ["a method that is too long", "A".repeat(17)],
  ["a head that is too long", `GET / HTTP/1.1\r\n${"a: b\r\n".repeat(6_000)}`],
])("%s is gleanerd's to refuse", async (_what, sent) => {
  const acceptor = await start();
  await gone(client(acceptor, sent));
  expect(acceptor.lines).toEqual([line]);
});

test("what a client sent before it ended its side is passed on", async () => {
  const acceptor = await start();
  const socket = client(acceptor, "GET / HT");
  socket.end();
  await gone(socket);
  expect(acceptor.lines).toEqual([line]);
});

/** Clients of which none was passed on, beyond those that fill the window. */
async function waiting(acceptor: Running, requests: readonly string[]): Promise<Socket[]> {
  // Each is gone once the program has closed it, which it does after it has passed it on.
  await Promise.all(Array.from({ length: window }, () => gone(client(acceptor, request(null)))));
  const sockets: Socket[] = [];
  // One after the other: they wait in the order of their arrival. What is acknowledged from now on,
  // the program reads after what they have sent.
  for (const each of requests) {
    const socket = client(acceptor, each);
    sockets.push(socket);
    await until(() => hasArrived(socket));
  }
  return sockets;
}

/** The order in which clients are passed on. */
async function order(acceptor: Running, clients: readonly Socket[]): Promise<number[]> {
  const passed: number[] = [];
  for (const [index, socket] of clients.entries()) socket.once("close", () => passed.push(index));
  for (let each = 1; each <= clients.length; each++) {
    acceptor.channel.write('{"cmd":"NODE_HANDLE_ACK"}\n');
    await until(() => passed.length === each);
  }
  return passed;
}

test("with a token nobody waits for strangers, who have every fourth turn", async () => {
  const acceptor = await start();
  const strangers = Array.from({ length: 8 }, () => request(null));
  const clients = await waiting(acceptor, [...strangers, ...Array(4).fill(request("me"))]);
  // The window was filled with strangers, and their turn comes after three others.
  const passed = await order(acceptor, clients);
  expect(passed).toEqual([8, 9, 10, 0, 11, 1, 2, 3, 4, 5, 6, 7]);
});

test("tokens take turns", async () => {
  const acceptor = await start();
  const flood = Array.from({ length: 12 }, () => request("flood"));
  // Two tokens share their turns in one of 256 runs.
  const others = ["a", "b", "c"].map(request);
  const clients = await waiting(acceptor, [...flood, ...others]);
  const passed = await order(acceptor, clients);
  expect(Math.min(passed.indexOf(12), passed.indexOf(13), passed.indexOf(14))).toBeLessThan(4);
});

test("a newcomer does not wait for those who send what is no request", async () => {
  const acceptor = await start();
  const junk = Array.from({ length: 12 }, () => "HELLO\r\n");
  const clients = await waiting(acceptor, [...junk, request(null)]);
  const passed = await order(acceptor, clients);
  expect(passed.indexOf(12)).toBeLessThan(2);
});

test("a client that left while it waited is not passed on", async () => {
  const acceptor = await start();
  const [leaves, stays] = await waiting(acceptor, [request("a"), request("a")]);
  const before = held(acceptor);
  leaves!.resetAndDestroy();
  await until(() => held(acceptor) === before - 1);
  const passed = gone(stays!);
  acceptor.channel.write("{}\n");
  await passed;
  expect(acceptor.lines).toHaveLength(window + 1);
});

test("a head that is late gets an answer", async () => {
  const acceptor = await start({ headTimeoutMs: 30 });
  expect(await text(client(acceptor, "GET / HTTP/1.1\r\n"))).toBe(late);
  expect(acceptor.lines).toEqual([]);
});

test("without room a head that has taken long is refused first", async () => {
  const acceptor = await start({ descriptors: 40, headTimeoutMs: 0x7fffffff });
  const first = client(acceptor, "GET / HT");
  const slow = text(first);
  await until(() => hasArrived(first));
  // Half a second is its chance.
  await pause(600);
  for (let each = 0; each < 30; each++) client(acceptor, "GET / HT");
  expect(await slow).toBe(full);
});

test("strangers whose heads are complete leave room for those with a token", async () => {
  const acceptor = await start({ descriptors: 40 });
  const strangers = Array.from({ length: 22 }, () => request(null));
  const waiters = await waiting(acceptor, strangers);
  // As many as it can hold, and more than it has room for.
  const refused = Array.from({ length: 20 }, () => text(client(acceptor, request(null))));
  expect(await Promise.race(refused)).toBe(full);
  const mine = client(acceptor, request("me"));
  await until(() => hasArrived(mine));
  const passed = gone(mine);
  acceptor.channel.write("{}\n");
  await passed;
  expect(acceptor.lines).toHaveLength(window + 1);
  expect(waiters[0]!.destroyed).toBe(false);
});

test("whatever clients send, it goes on", async () => {
  const acceptor = await start({ headTimeoutMs: 20, acknowledges: true });
  const piece = fc.oneof(
    fc.constantFrom("GET / HTTP/1.1", "\r\n", "\n", "\r", "Authorization: ", "authorization:", " "),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(piece), { maxLength: 8 }), async (clients) => {
      const ended = clients.map((pieces) => {
        const socket = client(acceptor, "");
        for (const each of pieces) socket.write(each);
        return gone(socket);
      });
      await Promise.all(ended);
    }),
    { numRuns: 30 },
  );
  await gone(client(acceptor, request("me")));
  expect(acceptor.child.exitCode).toBeNull();
});

test("it has no rights but those of its loop", async () => {
  const acceptor = await start({ file: makeAcceptor("all") });
  await gone(client(acceptor, request("me")));
  const status = readFileSync(`/proc/${acceptor.child.pid}/status`, "utf8");
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  // A filter of system calls.
  expect(status).toMatch(/^Seccomp:\t2$/m);
  if (process.getuid!() === 0) expect(status).toMatch(/^Uid:(\t65534){4}$/m);
});

test("it ends with gleanerd", async () => {
  const { child, channel } = await start();
  const ended = once(child, "exit");
  channel.destroy();
  expect(await ended).toEqual([0, null]);
});
