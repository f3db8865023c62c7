// Where the client of a run listens for the node of its command: a TCP port and an abstract unix
// socket. Whoever connects must prove to know the run's key.

import { randomBytes, randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { clearTimeout, setTimeout } from "../../clock.js";
import { errorCodeOf, GleanerError, messageOf } from "../../model/errors.js";
import type { RunClient } from "../../wire/messages.js";

export type { RunClient } from "../../wire/messages.js";

import { type Arrival, awaitProof } from "./handshake.js";

/** Ports to listen on, both ends included; null: any free one. */
export type PortRange = readonly [number, number] | null;

/**
 * A stranger may connect as often as it likes: beyond this, any one that has not proven itself
 * goes. If the oldest went, a flood would cut off the node in each of its handshakes.
 */
const maxUnproven = 256;
const proofMs = 5_000;
/** The node knows no more (src/model/shapes/submission.ts). */
const maxHosts = 8;

export interface ListenerSettings {
  readonly ports: PortRange;
  /** The only name or address that nodes are told; if omitted, all of this machine. */
  readonly host?: string | undefined;
}

export class RunListener {
  private readonly unproven = new Set<Socket>();
  /** Connections that came before the key was known. */
  private early: Socket[] | null = [];
  private key: Buffer | null = null;
  private invocation = "";
  private readonly servers: Server[];

  private constructor(
    tcp: Server,
    unix: Server | null,
    readonly client: RunClient,
    private readonly onArrival: (arrival: Arrival) => void,
  ) {
    this.servers = unix === null ? [tcp] : [tcp, unix];
    for (const server of this.servers) server.on("connection", (socket) => this.take(socket));
  }

  /** Throws UNREACHABLE if no port can be listened on. */
  static async open(
    { ports, host }: ListenerSettings,
    onArrival: (arrival: Arrival) => void,
  ): Promise<RunListener> {
    const tcp = await listenTcp(ports);
    const socket = `gleaner-run-${randomBytes(16).toString("hex")}`;
    const unix = await listenUnix(socket);
    const { port } = tcp.address() as { port: number };
    const hosts = host === undefined ? ownHosts() : [host];
    return new RunListener(tcp, unix, { hosts, port, socket, bootId: bootId() }, onArrival);
  }

  /** Nobody can prove anything before. */
  expect(invocation: string, key: Buffer): void {
    this.invocation = invocation;
    this.key = key;
    const early = this.early ?? [];
    this.early = null;
    for (const socket of early) this.prove(socket);
  }

  /** Takes no more connections; those that are proven stay. */
  close(): void {
    for (const server of this.servers) server.close();
    for (const socket of this.unproven) socket.destroy();
  }

  private take(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.unproven.delete(socket));
    this.unproven.add(socket);
    if (this.unproven.size > maxUnproven) {
      const unlucky = [...this.unproven][randomInt(maxUnproven)]!;
      this.unproven.delete(unlucky);
      unlucky.destroy();
    }
    if (this.early === null) this.prove(socket);
    else this.early.push(socket);
  }

  private prove(socket: Socket): void {
    if (socket.destroyed) return;
    const late = setTimeout(() => socket.destroy(), proofMs);
    socket.once("close", () => clearTimeout(late));
    awaitProof(socket, this.invocation, this.key!, (arrival) => {
      clearTimeout(late);
      this.unproven.delete(socket);
      this.onArrival(arrival);
    });
  }
}

async function listenTcp(ports: PortRange): Promise<Server> {
  const [from, to] = ports ?? [0, 0];
  // Several runs of one machine begin to look at different ports.
  const count = to - from + 1;
  const first = randomBytes(4).readUInt32LE() % count;
  let problem: unknown = null;
  for (let at = 0; at < count; at++) {
    const port = from + ((first + at) % count);
    try {
      return await listening({ port, host: "::", ipv6Only: false }).catch((thrown) => {
        // A machine without IPv6.
        if (errorCodeOf(thrown) !== "EAFNOSUPPORT") throw thrown;
        return listening({ port, host: "0.0.0.0" });
      });
    } catch (thrown) {
      problem = thrown;
      if (errorCodeOf(thrown) !== "EADDRINUSE") break;
    }
  }
  const where = ports === null ? "any port" : `the ports ${from} to ${to} (run.ports)`;
  throw new GleanerError(
    "UNREACHABLE",
    `cannot listen on ${where} for the node: ${messageOf(problem)}`,
    { cause: problem },
  );
}

/** null where the kernel or this Node has no abstract sockets: TCP does it all. */
const listenUnix = (name: string): Promise<Server | null> =>
  listening({ path: `\0${name}` }).catch(() => null);

function listening(options: import("node:net").ListenOptions): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 5_000 });
    server.once("error", reject);
    server.listen(options, () => {
      server.removeListener("error", reject);
      resolve(server);
    });
  });
}

/** The machine's name and addresses, without those that no other machine can reach. */
function ownHosts(): string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
    .map(({ address }) => address);
  const hosts = [hostname(), ...addresses].filter((each) => /^[A-Za-z0-9._:-]{1,253}$/.test(each));
  return hosts.length === 0 ? ["127.0.0.1"] : hosts.slice(0, maxHosts);
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return "";
  }
}
