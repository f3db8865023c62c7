// Checks that nodes have memory for a call, before a replay whose calls would never run.

import { counted } from "../../model/counted.js";
import { GleanerError } from "../../model/errors.js";
import type { Trace } from "./trace.js";

/** Throws BAD_REQUEST if no node has memory for a call; notes how many have none. */
export function withMemoryNotes(trace: Trace, callMb: number, marginMb: number): Trace {
  const { nodes, notes } = trace;
  const fitting = nodes.filter(({ memoryMb }) => memoryMb - marginMb >= callMb).length;
  if (fitting === nodes.length) return trace;
  const largestMb = nodes.reduce((most, { memoryMb }) => Math.max(most, memoryMb), 0);
  if (fitting === 0)
    throw new GleanerError(
      "BAD_REQUEST",
      `no node has memory for a call of ${callMb} MB: the largest has ${largestMb} MB, of which ${marginMb} MB stay free; give a smaller --call-memory, or the nodes' memory with --machines or --memory-per-core`,
    );
  const without = counted(nodes.length - fitting, "node");
  const remark = `${without} of ${nodes.length} never have memory for a call of ${callMb} MB`;
  return { ...trace, notes: { ...notes, remarks: [...notes.remarks, remark] } };
}
