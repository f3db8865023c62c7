// A row of the benchmark: a program that times calls of one kind, and what it says on its standard
// output.

import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** What answers the calls of a row. */
export interface Served {
  /** Added to the environment of the row's program. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/**
 * A program is told in its environment what to do, and prints a line of JSON for each size, and one
 * for many calls at once if it can:
 *
 *     INVOKE_PLAN        a line for each size: "1KiB 1024 6667" is its name, bytes, and calls
 *     INVOKE_IN_FLIGHT   how many calls at once
 *     INVOKE_BURST       how many calls in all then
 *     SERVER_CPU         where what it starts itself is to run; unset if nothing is pinned
 *
 *     {"size": "1KiB", "tookUs": [21.3, ...]}
 *     {"inFlight": 64, "callsPerS": 51234}
 */
export interface Row {
  readonly kind: "raw" | "lease" | "shm" | "ofi" | "daemonPath";
  readonly language: "c" | "node" | "python";
  /** Compared with the row of kind `raw` that has the same language and transport. */
  readonly transport: string;
  /** Before each run of the program; null if it starts what answers its calls itself. */
  readonly serve: ((cpu: number | null) => Promise<Served>) | null;
  readonly command: readonly [string, ...string[]];
}

export interface RowModule {
  readonly rows: readonly Row[];
  /** After the last round. */
  close?(): Promise<void>;
}

export interface Times {
  /** Microseconds of each call, by size. */
  readonly tookUs: Record<string, number[]>;
  callsPerS: number | null;
}

export const titleOf = ({ kind, language, transport }: Omit<Row, "command" | "serve">): string =>
  kind === transport ? `${kind} ${language}` : `${kind} ${language} ${transport}`;

/** Runs a row's program once; rejects with what it printed on standard error. */
export async function timesOf(
  { command: [program, ...args] }: Row,
  environment: Readonly<Record<string, string>>,
  cpu: number | null,
): Promise<Times> {
  const pinned = cpu === null ? [] : ["taskset", "-c", String(cpu)];
  const [first, ...rest] = [...pinned, program, ...args] as [string, ...string[]];
  const env = { ...process.env, ...environment };
  const child = spawn(first, rest, { env, stdio: ["ignore", "pipe", "inherit"] });
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  const times: Times = { tookUs: {}, callsPerS: null };
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line);
    if (said.size === undefined) times.callsPerS = said.callsPerS;
    else times.tookUs[said.size] = said.tookUs;
  }
  if ((await exit) !== 0) throw new Error(`${[first, ...rest].join(" ")} failed`);
  return times;
}

/** From now on the process runs on one core. */
export function pin(pid: number, cpu: number): void {
  execFileSync("taskset", ["-a", "-c", "-p", String(cpu), String(pid)], { stdio: "ignore" });
}
