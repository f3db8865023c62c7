// The systems that run the same no-op work on the same processors, each with as many workers.

import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../../src/model/errors.js";
import { programPath } from "../../cluster/programs.js";
import { Driver } from "../lib/driver.js";
import { say } from "../lib/harness.js";
import { install, type Needs } from "../lib/installation.js";

interface Peer {
  readonly needs: Needs;
  /** The program beside this file, and what runs it in the peer's folder. */
  readonly program: string;
  readonly isPython: boolean;
  /** What survives a power failure. */
  readonly durable: string;
}

const programs = join(dirname(fileURLToPath(import.meta.url)), "peers");
const inMemory = "nothing: it has no such mode here";
const python = (name: string, ...packages: string[]): Peer => ({
  needs: {
    debian: ["python3=python3", "/usr/share/doc/python3-venv=python3-venv"],
    python: packages,
  },
  program: `${name}_peer.py`,
  isPython: true,
  durable: inMemory,
});

export const peers: Readonly<Record<string, Peer>> = {
  bullmq: {
    needs: { debian: ["redis-server=redis-server"], npm: ["bullmq@6.7.0", "ioredis@5.11.1"] },
    program: "bullmq_peer.mjs",
    isPython: false,
    durable: "every write (appendfsync always)",
  },
  gearman: {
    needs: {
      debian: [
        "gearmand=gearman-job-server",
        "/usr/include/libgearman/gearman.h=libgearman-dev",
        "gcc=gcc",
      ],
      compiled: { source: join(programs, "gearman_peer.c"), libraries: ["-lgearman"] },
    },
    program: "gearman_peer.mjs",
    isPython: false,
    durable: inMemory,
  },
  hyperqueue: python("hyperqueue", "hyperqueue==0.27.0"),
  dask: python("dask", "distributed==2026.8.0"),
  parsl: python("parsl", "parsl==2026.10.26"),
  ray: python("ray", "ray==2.60.0"),
};

/** The peers of one run. */
export class Peers {
  readonly running = new Map<string, Driver>();
  /** Why one could not be had. */
  readonly absent = new Map<string, { readonly reason: string }>();

  /** Installs those that are not, and starts each with its data in a folder of its own. */
  async start(folder: string, workers: number): Promise<void> {
    mkdirSync(folder);
    for (const [name, peer] of Object.entries(peers))
      try {
        this.running.set(name, await startPeer(name, peer, join(folder, name), workers));
        say(`${name} is ready`);
      } catch (error) {
        const reason = messageOf(error);
        this.absent.set(name, { reason });
        say(`${name} is missing: ${reason}`);
      }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.running.values()].map((each) => each.stop()));
  }
}

async function startPeer(
  name: string,
  { needs, program, isPython }: Peer,
  folder: string,
  workers: number,
): Promise<Driver> {
  const installed = await install(`peer-${name}`, needs);
  mkdirSync(folder);
  const bin = join(installed, "bin");
  const interpreter = isPython ? join(bin, "python") : process.execPath;
  return Driver.start({
    name,
    command: [interpreter, join(programs, program)],
    environment: {
      PATH: `${bin}:${programPath}`,
      // Some of them write files there.
      HOME: folder,
      PEER_FOLDER: folder,
      PEER_PACKAGES: installed,
      PEER_WORKERS: String(workers),
    },
  });
}
