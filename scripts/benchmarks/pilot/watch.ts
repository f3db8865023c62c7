// Watches a pilot die: when its executor, its commands and everything else of it are gone, with a C
// program that nothing delays.

import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { rounded } from "../lib/figures.js";

const slurmPlugin = join(import.meta.dirname, "../../../slurm-plugin/common");

/** Milliseconds from Slurm's SIGTERM. */
export interface Departure {
  readonly executorMs: number;
  /** The last of the functions' processes. */
  readonly commandsMs: number;
  /** The last process of all. */
  readonly allMs: number;
}

/** Builds the program in `folder`; returns its path. */
export function compileWatch(folder: string): string {
  const program = join(folder, "watch");
  const shared = ["proc_tree.c", "util.c"].map((name) => join(slurmPlugin, name));
  const sources = [join(import.meta.dirname, "watch.c"), ...shared];
  execFileSync("gcc", ["-O2", "-D_GNU_SOURCE", `-I${slurmPlugin}`, "-o", program, ...sources]);
  return program;
}

/**
 * Resolves when the pilot is watched; `departure` resolves when it is gone. undefined if not all of
 * its `functions` run yet, or the witness is missing.
 */
export async function watchPilot(
  program: string,
  executorPid: number,
  functions: number,
): Promise<{ readonly departure: Promise<Departure> } | undefined> {
  const child = spawn(program, [String(executorPid)], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value: first = "" } = await lines.next();
  const [witnesses, supervisors, commands] = first.split(" ").slice(1).map(Number);
  if (witnesses !== 1 || supervisors !== functions || !(commands! >= functions)) {
    child.kill("SIGKILL");
    return undefined;
  }
  return { departure: readDeparture(lines) };
}

async function readDeparture(lines: AsyncIterator<string>): Promise<Departure> {
  const last = { executor: 0, witness: 0, server: 0, supervisor: 0, command: 0 };
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    const [kind, microseconds] = line.value.split(" ") as [keyof typeof last, string];
    last[kind] = Math.max(last[kind], Number(microseconds) / 1_000);
  }
  const allMs = rounded(Math.max(...Object.values(last)), 1);
  if (allMs === 0) throw new Error("the pilot did not exit");
  return { executorMs: rounded(last.executor, 1), commandsMs: rounded(last.command, 1), allMs };
}
