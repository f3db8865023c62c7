// Programs with the C library for tests, under the sanitizers.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { runtimesFolder } from "./c-runtimes.js";
import type { ServedEndpoint } from "./serving.js";

const library = resolve(import.meta.dirname, "../../../src/sdk/c");
const folder = join(runtimesFolder, "c-library");

/** A program of the library's tests. */
export function makeClient(name: string): string {
  mkdirSync(folder, { recursive: true });
  const program = join(folder, name);
  const make = ["make", "-s", "-C", library, `OUT=${folder}`, program];
  execFileSync("flock", [join(folder, ".lock"), ...make], { stdio: "pipe" });
  return program;
}

/** The shared library, without sanitizers: its folder. */
export function makeLibrary(): string {
  const built = join(runtimesFolder, "c-shared-library");
  mkdirSync(built, { recursive: true });
  const make = ["make", "-s", "-C", library, `OUT=${built}`, "all"];
  execFileSync("flock", [join(built, ".lock"), ...make], { stdio: "pipe" });
  return built;
}

/** The program and the function of `glean lease --bench`, without sanitizers, in a folder. */
export function makeBench(): string {
  const bench = join(runtimesFolder, "c-bench");
  mkdirSync(bench, { recursive: true });
  const make = ["make", "-s", "-C", library, `OUT=${bench}`, "bench"];
  execFileSync("flock", [join(bench, ".lock"), ...make], { stdio: "pipe" });
  return bench;
}

/** The endpoints as the programs read them. */
const linesOf = (endpoints: readonly ServedEndpoint[]): string =>
  endpoints
    .flatMap(({ worker, host, port, socket, hostId, key }) => [
      worker,
      host,
      port,
      socket,
      hostId,
      key,
    ])
    .map((each) => `${each}\n`)
    .join("");

/** What the program said, on both streams. */
export async function runClient(
  command: readonly [string, ...string[]],
  endpoints: readonly ServedEndpoint[],
  onStart: (child: ChildProcess) => void = () => {},
): Promise<string> {
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], timeout: 60_000 });
  onStart(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text) => {
      output += String(text);
    });
  child.stdin.end(linesOf(endpoints));
  const [code] = await once(child, "close");
  return code === 0 ? output : `exit ${code}: ${output}`;
}
