// A worker that serves a lease and returns what it is given, for the rows of kind lease, shm and
// ofi.

import type { Command } from "../../../test/support/runtimes/runtime-process.js";
import {
  type ServingOptions,
  type ServingRuntime,
  startServing,
} from "../../../test/support/runtimes/serving.js";
import { pin, type Served } from "./row.js";

const code = {
  "index.mjs": "export default (input) => input;",
  "main.py": "def handler(x): return x",
};

interface WorkerOptions extends ServingOptions {
  /** A client is told that the worker is on another host if it is not to use its local socket. */
  readonly isLocal: boolean;
  /** A folder, for runtimes whose code is compiled. */
  readonly code?: string;
}

/**
 * Its endpoint is in the environment as JSON, with its node, in LEASE_ENDPOINT; and each field in a
 * variable of its own: LEASE_WORKER, LEASE_HOST, LEASE_PORT, LEASE_SOCKET, LEASE_HOSTID, LEASE_KEY.
 */
export async function leasedWorker(
  runtime: ServingRuntime | Command,
  cpu: number | null,
  { isLocal, code: folder, ...options }: WorkerOptions,
): Promise<Served> {
  const served = await startServing(runtime, folder ?? code, options);
  if (cpu !== null) pin(served.runtime.child.pid!, cpu);
  const hostId = isLocal ? served.endpoint.hostId : "another";
  const endpoint = { ...served.endpoint, hostId, node: "here" };
  const fields = Object.entries(endpoint).map(([name, value]) => [
    `LEASE_${name.toUpperCase()}`,
    String(value),
  ]);
  return {
    environment: { ...Object.fromEntries(fields), LEASE_ENDPOINT: JSON.stringify(endpoint) },
    stop: async () => {
      await served.end();
      served.runtime.child.kill("SIGKILL");
    },
  };
}
