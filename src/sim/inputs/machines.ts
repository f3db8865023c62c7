// The machines of a trace: nodes by name, a list of kinds, or a number of equal nodes.

import { GleanerError } from "../../model/errors.js";
import { nodeName } from "../../model/ids.js";
import type { TraceNode } from "../site/trace.js";
import type { Lines } from "./lines.js";
import { beginsNodeRecord, maxCoresPerNode, maxNodes, NodeRecords } from "./node-records.js";

export { maxNodes };

/** Equal machines, from one line of the list. */
export interface MachineGroup {
  readonly name: string;
  readonly nodes: number;
  readonly cores: number;
  readonly memoryMb: number;
}

/** What is known of a site's nodes. */
export interface Machines {
  /** Kinds of nodes, which have no names that a log could know; null if there are none. */
  readonly groups: readonly MachineGroup[] | null;
  /** Nodes by name, in order; null if names are unknown. */
  readonly named: readonly TraceNode[] | null;
  /** Nodes of which the memory was guessed. */
  readonly guessedMemory: number;
}

/**
 * Nodes as `scontrol show node` prints them, or a list of machines as in Alea's data sets: id,
 * name, nodes, cores per node, speed, memory in KiB, separated by spaces or tabs. Throws
 * BAD_REQUEST with the number of an invalid line.
 */
export async function readMachines(lines: Lines, memoryPerCoreMb: number): Promise<Machines> {
  const groups: MachineGroup[] = [];
  const records = new NodeRecords(memoryPerCoreMb);
  let hasRecords = false;
  let number = 0;
  let nodes = 0;
  for await (const line of lines) {
    number++;
    if (line.trim() === "" || /^\s*[;#]/.test(line)) continue;
    hasRecords ||= groups.length === 0 && beginsNodeRecord(line);
    if (hasRecords) {
      records.add(line, number);
      continue;
    }
    const group = parseMachine(line);
    nodes += group?.nodes ?? 0;
    if (group === null || nodes > maxNodes)
      throw new GleanerError(
        "BAD_REQUEST",
        `line ${number} of the machines is invalid: write what scontrol -o show node prints, or id, name, nodes, cores per node, speed, memory in KiB, with at most ${maxNodes} nodes in all`,
      );
    groups.push(group);
  }
  if (hasRecords) return { groups: null, named: records.all(), guessedMemory: records.guessed };
  if (groups.length === 0)
    throw new GleanerError(
      "BAD_REQUEST",
      "the list of machines is empty: write what scontrol -o show node prints, or a line for each kind",
    );
  return { groups, named: null, guessedMemory: 0 };
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

/** `nodes` equal nodes, of which the memory is a guess. */
export const equalMachines = (nodes: number, cores: number, memoryPerCoreMb: number): Machines => ({
  groups: evenGroups(nodes, nodes * cores, memoryPerCoreMb),
  named: null,
  guessedMemory: nodes,
});

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
