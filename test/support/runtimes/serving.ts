// A worker that serves a lease, without Slurm and gleanerd: starts a runtime, loads a bundle and
// tells it to serve with a key.
//
// In a test:      const served = await startServing("node", { "index.mjs": "export default …" });
//                 … connect to served.endpoint …
//                 await served.end();                  // as a cancel by the executor
//                 afterEach(stopServing)               // kills what is left, removes folders
// On a terminal:  node_modules/.bin/tsx test/support/runtimes/serving.ts python FOLDER \
//                   --handler f.py:g --hot-ms -1 --concurrency 4 --key 64HEX --ports 0 --ofi tcp
//                 prints the endpoint as one line of JSON, what the worker prints on standard
//                 error, and serves until its standard input ends (or until SIGTERM).
// A program that is not ours, or one under a profiler: startServing(["/path/program", "arg"], …),
// or `--program PATH` in place of the runtime's own.

import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { makeBundles } from "../../../scripts/bundle/bundles.mjs";
import type { ServeUsage, Serving } from "../../../src/wire/worker/serving.js";
import type { CallEnd } from "../../../src/workers/worker-channel.js";
import type { LoadOrder } from "../../../src/workers/worker-link.js";
import { makeRuntimes, runtimesFolder } from "./c-runtimes.js";
import { pythonCommand } from "./python-runtime.js";
import {
  bundleOf,
  type Command,
  type RuntimeProcess,
  startRuntime,
  stopRuntimes,
} from "./runtime-process.js";

export type ServingRuntime = "node" | "python" | "native";

export interface ServingOptions extends Partial<LoadOrder> {
  /** INVOCATION.ATTEMPT; 1.1 if omitted. */
  readonly worker?: string;
  /** 64 digits of hex; random if omitted. */
  readonly key?: string;
  readonly hotMs?: number;
  readonly maxClients?: number;
  readonly ports?: string;
  readonly ofiProvider?: string;
}

/** As the API gives it to the lease's owner. */
export interface ServedEndpoint extends Serving {
  readonly worker: string;
  readonly host: string;
  readonly hostId: string;
  readonly key: string;
  readonly state: "serving";
}

export interface ServedWorker {
  readonly endpoint: ServedEndpoint;
  readonly runtime: RuntimeProcess;
  /** What the worker has said of itself. */
  readonly usages: readonly ServeUsage[];
  terminating(inMs: number, reason: string): void;
  /** Cancels, and resolves with the worker's answer: it is an ordinary warm worker after that. */
  end(): Promise<CallEnd>;
  /** The answer, if it comes by itself. */
  readonly ended: Promise<CallEnd>;
}

const folders: string[] = [];
let nodeProgram: Promise<string> | null = null;

async function commandOf(runtime: ServingRuntime): Promise<Command> {
  if (runtime === "python") return pythonCommand;
  if (runtime === "native") {
    makeRuntimes(["all"]);
    return [join(runtimesFolder, "glean-runtime-native")];
  }
  nodeProgram ??= (async () => {
    const folder = mkdtempSync(join(tmpdir(), "gleaner-serving-"));
    folders.push(folder);
    await makeBundles(["glean-runtime-node"], folder, "1.2.3");
    return join(folder, "glean-runtime-node.cjs");
  })();
  return [process.execPath, await nodeProgram];
}

/** `code`: a folder, or the files of one. */
export async function startServing(
  program: ServingRuntime | Command,
  code: string | Readonly<Record<string, string>>,
  options: ServingOptions = {},
): Promise<ServedWorker> {
  const { worker = "1.1", key = randomBytes(32).toString("hex"), hotMs = 0 } = options;
  const { maxClients = 64, ports = "0", ofiProvider, ...load } = options;
  const runtime = startRuntime(typeof program === "string" ? await commandOf(program) : program);
  const directory = typeof code === "string" ? resolve(code) : bundleOf(code);
  const loaded = await runtime.load({ directory, ...load });
  if (loaded.kind !== "loaded") throw new Error(`not loaded: ${wordsOf(loaded)}`);
  const usages: ServeUsage[] = [];
  let onServing: (serving: Serving) => void = () => {};
  const serving = new Promise<Serving>((settle) => {
    onServing = settle;
  });
  const { id, end } = runtime.channel.serve(
    { worker, key, hotMs, maxClients, ports, ofiProvider },
    { onServing, onUsage: (usage) => usages.push(usage) },
  );
  const began = await Promise.race([serving, end]);
  if ("kind" in began) throw new Error(`does not serve: ${wordsOf(began)}`);
  const hostId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return {
    endpoint: { worker, host: "127.0.0.1", ...began, hostId, key, state: "serving" },
    runtime,
    usages,
    terminating: (inMs, reason) => runtime.channel.terminating(id, { inMs, reason }),
    end: () => {
      runtime.channel.cancel(id);
      return end;
    },
    ended: end,
  };
}

/** Kills all that serve, and removes what was made for them. */
export async function stopServing(): Promise<void> {
  await stopRuntimes();
  nodeProgram = null;
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
}

const wordsOf = (end: object): string =>
  "failure" in end ? String(end.failure) : JSON.stringify(end);

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      handler: { type: "string" },
      concurrency: { type: "string", default: "1" },
      "hot-ms": { type: "string", default: "0" },
      key: { type: "string" },
      worker: { type: "string" },
      ports: { type: "string", default: "0" },
      ofi: { type: "string" },
      program: { type: "string" },
    },
  });
  const [runtime, folder] = positionals;
  if (runtime === undefined || folder === undefined)
    throw new Error("usage: serving.ts node|python|native FOLDER [--handler H] [--hot-ms N] …");
  const { program, key, worker } = values;
  const served = await startServing(program ? [program] : (runtime as ServingRuntime), folder, {
    handler: values.handler,
    concurrency: Number(values.concurrency),
    hotMs: Number(values["hot-ms"]),
    ports: values.ports,
    ...(values.ofi !== undefined && { ofiProvider: values.ofi }),
    ...(key !== undefined && { key }),
    ...(worker !== undefined && { worker }),
  });
  console.log(JSON.stringify(served.endpoint));
  served.runtime.child.stderr!.pipe(process.stderr);
  const told = new Promise<void>((settle) => {
    process.stdin.on("end", settle).resume();
    process.once("SIGTERM", settle).once("SIGINT", settle);
  });
  const end = await Promise.race([served.ended, told.then(() => served.end())]);
  if (end.kind !== "returned") console.error(wordsOf(end));
  await stopServing();
  process.exit(end.kind === "returned" ? 0 : 1);
}

if (process.argv[1] === import.meta.filename) await main();
