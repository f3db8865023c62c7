// Checks that this node's slurmd runs our SPANK plugin: that plugstack.conf lists it now, and that
// slurmd has loaded this very file.
//
// slurmd learns at its start that there are plugins with a prolog, and reads the plugin list again
// for each job, so both count. The plugin stays mapped in a slurmd that knows it
// (slurm-plugin/spank/spank_gleaner.c), which is more reliable than any file time.

import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { messageOf } from "../../model/errors.js";
import type { NodeName } from "../../model/ids.js";
import type { PluginOrder } from "../../wire/launch.js";
import { findPluginLine, type PluginLine } from "./plugin-stack.js";

export type FoundPlugin = { readonly options: readonly string[] } | { readonly problem: string };

/**
 * The options of the plugin's line, or one sentence that says what to do. `proc` is another /proc
 * in tests.
 */
export function findPlugin(
  { file, stack }: PluginOrder,
  node: NodeName,
  proc = "/proc",
): FoundPlugin {
  let line: PluginLine | null;
  try {
    line = findPluginLine(stack, file);
  } catch (thrown) {
    return { problem: `cannot look for the plugin: ${messageOf(thrown)}` };
  }
  if (line?.kind !== "optional")
    return { problem: `${stack} has no line "optional ${file}": add it there and restart slurmd` };
  if (!existsSync(file))
    return { problem: `there is no ${file}: install the plugin, then restart slurmd` };
  const problem = slurmdProblem(realpathSync(file), node, proc);
  return problem === null ? { options: line.options } : { problem };
}

/**
 * Several may run where nodes are simulated, and one may be a fork that is about to exec: one
 * slurmd with the plugin suffices.
 */
function slurmdProblem(file: string, node: NodeName, proc: string): string | null {
  const daemons = slurmds(node, proc);
  const states = daemons.map((pid) => mappingOf(file, `${proc}/${pid}/maps`));
  if (states.includes("mapped")) return null;
  if (states.includes("replaced"))
    return `${file} was replaced since slurmd loaded it: restart slurmd`;
  if (daemons.length === 0) return `slurmd of ${node} does not run on this machine: start it`;
  return `slurmd (process ${daemons[0]}) has not loaded ${file}: restart it; if the plugin was built for another release of Slurm, its log says so`;
}

/** Processes of that name that root (or we) started, and that name this node if they name one. */
function slurmds(node: NodeName, proc: string): string[] {
  const trusted = new Set([0, process.getuid!()]);
  return readdirSync(proc).filter((pid) => {
    if (!/^\d+$/.test(pid) || textOf(`${proc}/${pid}/comm`) !== "slurmd\n") return false;
    const words = textOf(`${proc}/${pid}/cmdline`).split("\0");
    const at = words.findIndex((word) => word.startsWith("-N"));
    const named = at < 0 ? node : words[at] === "-N" ? words[at + 1] : words[at]!.slice(2);
    return named === node && isOf(trusted, `${proc}/${pid}`);
  });
}

/** The kernel marks a file that was replaced by a rename, as installers do. */
function mappingOf(file: string, maps: string): "none" | "mapped" | "replaced" {
  const mapped = textOf(maps)
    .split("\n")
    .filter((line) => line.includes(file));
  if (mapped.some((line) => line.endsWith(` ${file}`))) return "mapped";
  return mapped.some((line) => line.endsWith(` ${file} (deleted)`)) ? "replaced" : "none";
}

/** Returns an empty text for a process that has ended. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function isOf(users: ReadonlySet<number>, folder: string): boolean {
  const status = statSync(folder, { throwIfNoEntry: false });
  return status !== undefined && users.has(status.uid);
}
