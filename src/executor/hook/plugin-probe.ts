// Whether slurmd of this node runs our SPANK plugin: it is listed in plugstack.conf now, and slurmd has loaded this very file.
//
// slurmd learns at its start that there are plugins with a prolog; the plugin list itself is read again for each job. So both count. The
// plugin stays mapped in a slurmd that knows of it (slurm-plugin/spank/spank_gleaner.c), which says more than any file's time.

import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { messageOf } from "../../model/errors.js";
import type { NodeName } from "../../model/ids.js";
import type { PluginOrder } from "../../wire/messages.js";
import { findPluginLine, type PluginLine } from "./plugin-stack.js";

export type FoundPlugin = { readonly options: readonly string[] } | { readonly problem: string };

/** The options of the plugin's line, or one sentence that says what to do. `proc` is another /proc in tests. */
export function findPlugin(
  { file, stack }: PluginOrder,
  node: NodeName,
  proc = "/proc",
): FoundPlugin {
  let line: PluginLine | null;
  try {
    line = findPluginLine(stack, file);
  } catch (thrown) {
    return { problem: `the plugin could not be looked for: ${messageOf(thrown)}` };
  }
  if (line?.kind !== "optional")
    return { problem: `${stack} has no line "optional ${file}": add it there and restart slurmd` };
  if (!existsSync(file))
    return { problem: `there is no ${file}: install the plugin, then restart slurmd` };
  const problem = slurmdProblem(realpathSync(file), node, proc);
  return problem === null ? { options: line.options } : { problem };
}

/** Several may be there where nodes are simulated, or one is a fork that is about to become something else: one that has it is enough. */
function slurmdProblem(file: string, node: NodeName, proc: string): string | null {
  const daemons = slurmds(node, proc);
  const states = daemons.map((pid) => mappingOf(file, `${proc}/${pid}/maps`));
  if (states.includes("mapped")) return null;
  if (states.includes("replaced"))
    return `${file} was replaced since slurmd loaded it: restart slurmd`;
  if (daemons.length === 0) return `no slurmd of ${node} was found on this machine: start it`;
  return `slurmd (process ${daemons[0]}) has not loaded ${file}: restart it; its log tells when the plugin is of another release of Slurm`;
}

/** Processes of that name that root (or we) started, for this node where they name one. */
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

/** The kernel marks a file that was renamed over, as installers do. */
function mappingOf(file: string, maps: string): "none" | "mapped" | "replaced" {
  const mapped = textOf(maps)
    .split("\n")
    .filter((line) => line.includes(file));
  if (mapped.some((line) => line.endsWith(` ${file}`))) return "mapped";
  return mapped.some((line) => line.endsWith(` ${file} (deleted)`)) ? "replaced" : "none";
}

/** Empty for a process that has ended meanwhile. */
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
