// The rows of the benchmark: programs that time calls, and what they say on their standard output.

import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ServedEndpoint, ServingRuntime } from "../../../test/support/runtimes/serving.js";

/**
 * A program of a row. It is given the sizes and numbers of calls in its environment and prints one
 * line of JSON for each size: {"size": "1B", "tookUs": [...]}, and with `inFlight` one line
 * {"inFlight": 64, "callsPerS": N}.
 */
export interface Row {
  readonly kind: "raw" | "lease" | "shm" | "ofi";
  readonly language: "c" | "node" | "python";
  readonly socket: "tcp" | "unix";
  /** What serves it; null: the program has both ends, the other one on the core of $SERVER_CPU. */
  readonly serves: ServingRuntime | null;
  /** How its program is started. */
  readonly command: readonly [string, ...string[]];
}

export interface Times {
  /** Microseconds of each call, by size. */
  readonly tookUs: Record<string, number[]>;
  callsPerS: number | null;
}

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const tsx = here("../../../node_modules/tsx/dist/esm/index.mjs");
const node = (file: string, ...args: string[]): [string, ...string[]] => [
  process.execPath,
  ...["--import", tsx, here(file), ...args],
];

/** Each language adds its own here. */
export const rows: readonly Row[] = (["tcp", "unix"] as const).flatMap((socket): Row[] => [
  { kind: "raw", language: "node", socket, serves: null, command: node("raw.mjs", socket) },
  { kind: "lease", language: "node", socket, serves: "node", command: node("lease.ts") },
]);

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

/** The worker's endpoint as a row's program is told it, without what it must not use. */
export function environmentOf(row: Row, endpoint: ServedEndpoint | null): Record<string, string> {
  if (endpoint === null) return {};
  const told = row.socket === "unix" ? endpoint : { ...endpoint, hostId: "another" };
  return { LEASE_ENDPOINT: JSON.stringify({ ...told, node: "here" }) };
}

export const titleOf = ({ kind, language, socket }: Omit<Row, "command" | "serves">): string =>
  `${kind} ${language} ${socket}`;

/** From now on the process runs on one core. */
export function pin(pid: number, cpu: number): void {
  execFileSync("taskset", ["-a", "-c", "-p", String(cpu), String(pid)], { stdio: "ignore" });
}
