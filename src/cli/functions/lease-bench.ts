// The bench of a site's transports: a lease of a function that returns its input, and a program
// that calls it over each transport beside a bare ping-pong.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { scan } from "../../bundle/scan.js";
import { GleanerError } from "../../model/errors.js";
import { unsetSettings } from "../../model/functions/settings.js";
import { deployFunction, packFunction } from "../../sdk/functions/deploy.js";
import { type GleanerClient, keepLease, type LeaseView } from "../../sdk/index.js";

/** The program and, with `.so`, the function; the latter's name at the site as well. */
const name = "glean-lease-bench";
const waitMs = 30_000;
/** It takes about ten seconds. */
const programLimitMs = 180_000;

export interface BenchSize {
  readonly bytes: number;
  readonly calls: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly rawP50Us?: number;
  readonly rawP99Us?: number;
}
export interface BenchTransport {
  readonly transport: string;
  readonly provider?: string;
  readonly sizes?: readonly BenchSize[];
  /** Why it is not there. */
  readonly problem?: string;
}
export interface Bench {
  readonly node: string;
  readonly transports: readonly BenchTransport[];
  /** What programs use that do not ask for a transport; null: none. */
  readonly used: string | null;
}

type Worker = LeaseView["workers"][number];

/** Deploys the function, leases a worker of it, measures, and removes the function. */
export async function benchLease(client: GleanerClient): Promise<Bench> {
  const folder = dirname(realpathSync(process.argv[1]!));
  const [program, library] = [join(folder, name), join(folder, `${name}.so`)];
  for (const file of [program, library])
    if (!existsSync(file))
      throw new GleanerError("CONFIG", `${file} is missing: install glean whole`);
  const settings = { ...unsetSettings, runtime: "native" as const };
  const packed = await packFunction(await scan(library), settings);
  const { owner } = await deployFunction(client, { name }, packed);
  try {
    return await measure(client, program);
  } finally {
    await client.functions.remove({ owner, name });
  }
}

async function measure(client: GleanerClient, program: string): Promise<Bench> {
  const options = { function: name, workers: 1, hotMs: -1, waitMs };
  const keeper = await keepLease(client.leases, options, () => {});
  try {
    const [worker] = keeper.current.workers;
    if (worker === undefined)
      throw new GleanerError("LEASE_NOT_GRANTED", "the lease has no worker: run it again");
    return { node: worker.node, ...benchOf(await said(program, worker)) };
  } finally {
    await keeper.end();
  }
}

async function said(program: string, worker: Worker): Promise<string> {
  const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"], timeout: programLimitMs });
  const { host, port, socket, hostId, key } = worker;
  child.stdin.on("error", () => {});
  child.stdin.end(`${[worker.worker, host, port, socket, hostId, key].join("\n")}\n`);
  const [output, [status]] = await Promise.all([text(child.stdout), once(child, "close")]);
  if (status === 0) return output;
  throw new GleanerError(
    "UNREACHABLE",
    `${program} ended with ${status ?? "a signal"}: the worker may have been evicted; run it again`,
  );
}

function benchOf(output: string): Omit<Bench, "node"> {
  const lines = output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const used = lines.find((line) => line.used !== undefined)?.used ?? null;
  return { used, transports: lines.filter(({ transport }) => transport !== undefined) };
}
