// The machines of a trace: a list of them, or a number of equal nodes.

import { GleanerError } from "../../model/errors.js";
import { nodeName } from "../../model/ids.js";
import type { TraceNode } from "../site/trace.js";
import type { Lines } from "./lines.js";

/** Slurm's own limit. */
export const maxNodes = 65_536;
/** More than any node has. */
export const maxCoresPerNode = 65_535;

/** Equal machines, from one line of the list. */
export interface MachineGroup {
  readonly name: string;
  readonly nodes: number;
  readonly cores: number;
  readonly memoryMb: number;
}

/**
 * A list of machines as in Alea's data sets: id, name, nodes, cores per node, speed, memory in KiB,
 * separated by spaces or tabs. Throws BAD_REQUEST with the number of an invalid line.
 */
export async function readMachines(lines: Lines): Promise<MachineGroup[]> {
  const groups: MachineGroup[] = [];
  let number = 0;
  let nodes = 0;
  for await (const line of lines) {
    number++;
    if (line.trim() === "" || /^\s*[;#]/.test(line)) continue;
    const group = parseMachine(line);
    nodes += group?.nodes ?? 0;
    if (group === null || nodes > maxNodes)
      throw new GleanerError(
        "BAD_REQUEST",
        `line ${number} of the machines is invalid: write id, name, nodes, cores per node, speed, memory in KiB, and at most ${maxNodes} nodes in all`,
      );
    groups.push(group);
  }
  if (groups.length === 0)
    throw new GleanerError(
      "BAD_REQUEST",
      "the list of machines is empty: write a line for each kind",
    );
  return groups;
}

function parseMachine(line: string): MachineGroup | null {
  const [, name, ...numbers] = line.trim().split(/\s+/);
  const [nodes, cores, , memoryKb] = numbers.map(Number);
  const isCount = (value: number | undefined, most: number): value is number =>
    value !== undefined && Number.isInteger(value) && value >= 1 && value <= most;
  if (name === undefined || name.length > 200) return null;
  if (!isCount(nodes, maxNodes) || !isCount(cores, maxCoresPerNode)) return null;
  if (!isCount(memoryKb, Number.MAX_SAFE_INTEGER)) return null;
  return { name, nodes, cores, memoryMb: Math.floor(memoryKb / 1_024) };
}

/** The nodes `name1`, `name2` … of each group. */
export function nodesOf(groups: readonly MachineGroup[]): TraceNode[] {
  return groups.flatMap(({ name, nodes, cores, memoryMb }) =>
    Array.from({ length: nodes }, (_, index) => ({
      name: nodeName(`${name}${index + 1}`),
      cores,
      memoryMb,
    })),
  );
}

/** `processors` spread as evenly as possible over `nodes`. */
export function evenGroups(
  nodes: number,
  processors: number,
  memoryPerCoreMb: number,
): MachineGroup[] {
  const fewer = Math.floor(processors / nodes);
  const wider = processors % nodes;
  const group = (count: number, cores: number): MachineGroup => ({
    name: wider > 0 && cores > fewer ? "wide" : "node",
    nodes: count,
    cores,
    memoryMb: cores * memoryPerCoreMb,
  });
  return [group(wider, fewer + 1), group(nodes - wider, fewer)].filter((each) => each.nodes > 0);
}
