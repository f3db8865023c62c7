// Fixed port numbers for a cluster, a site or a test's own server, claimed so that those started at
// the same time never get the same ones, and nobody who asks the kernel for any port gets them.

import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { GleanerError } from "../../src/model/errors.js";

/**
 * Below Linux's ephemeral ports (32768 and up), above the numbers that services and Slurm's
 * defaults use.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_699;
/**
 * One guard port; of a cluster's block, one for slurmctld, the rest for slurmd: one machine can run
 * about a hundred nodes.
 */
const BLOCK_SIZE = 100;
export const MAX_NODES = BLOCK_SIZE - 2;

export interface PortBlock {
  slurmctldPort: number;
  /** The port of the first node; the others follow. */
  firstSlurmdPort: number;
  release(): void;
}

/** Claims ports for slurmctld and `nodes` nodes. */
export async function claimPorts(nodes: number): Promise<PortBlock> {
  const { first, release } = await claimBlock(nodes + 1);
  return { slurmctldPort: first, firstSlurmdPort: first + 1, release };
}

export interface ClaimedPorts {
  /** The others follow. */
  readonly first: number;
  readonly release: () => void;
}

/**
 * Claims a block of which `count` ports are free. Whoever listens on a block's guard port owns the
 * block: the kernel gives that port to only one process, and releases it when the process dies. The
 * other ports are then probed, in case other programs or clusters that outlived their starter use
 * them.
 */
export async function claimBlock(count: number): Promise<ClaimedPorts> {
  const blocks = Math.floor((LAST_PORT + 1 - FIRST_PORT) / BLOCK_SIZE);
  const firstTry = process.pid % blocks;
  for (let attempt = 0; attempt < blocks; attempt++) {
    const guardPort = FIRST_PORT + ((firstTry + attempt) % blocks) * BLOCK_SIZE;
    const guard = await listen(guardPort, "127.0.0.1");
    if (!guard) continue;
    const ports = Array.from({ length: count }, (_, index) => guardPort + 1 + index);
    if ((await Promise.all(ports.map(portIsFree))).every((free) => free)) {
      guard.unref();
      return { first: guardPort + 1, release: () => void guard.close() };
    }
    guard.close();
  }
  throw new GleanerError(
    "LIMIT_REACHED",
    `No block of ${BLOCK_SIZE} free ports from ${FIRST_PORT} to ${LAST_PORT}: stop clusters that are not needed.`,
  );
}

/** Whether somebody listens on the port. Never takes it: whoever is about to listen can. */
export function isListenedOn(port: number): boolean {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  // `0: 0100007F:4E21 00000000:0000 0A …`: address, the other one, state (0A: it listens)
  return ["/proc/net/tcp", "/proc/net/tcp6"].filter(existsSync).some((table) =>
    readFileSync(table, "latin1")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      .some(([, address, , state]) => state === "0A" && address?.endsWith(ending)),
  );
}

/** Whether nobody listens on the port, on any address. */
export async function portIsFree(port: number): Promise<boolean> {
  const server = await listen(port, "0.0.0.0");
  server?.close();
  return server !== undefined;
}

function listen(port: number, host: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", () => resolve(undefined));
    server.listen({ port, host, exclusive: true }, () => resolve(server));
  });
}
