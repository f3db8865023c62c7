// Describes processes that hang in the kernel of a node, where SIGKILL does not end them.

import type { UnkillableProcess, UnkillableReport } from "../../model/capacity/unkillable.js";
import { counted } from "../../model/counted.js";

/** The consequence for the node, then each known process, as sentences without a full stop. */
export function describeUnkillable({
  count,
  processes,
  held,
}: UnkillableReport): readonly string[] {
  const gpus = held.gpus.length === 0 ? "" : ` and GPU ${held.gpus.join(", ")}`;
  const what =
    count === 1 ? "1 process of a function hangs" : `${count} processes of functions hang`;
  const more = count - processes.length;
  return [
    `${what} in the node's kernel and cannot be killed: ${counted(held.cores, "core")}, ${held.memoryMb} MB${gpus} count as in use until they are gone`,
    ...processes.map(describeProcess),
    ...(more > 0 ? [`and ${more} more`] : []),
  ];
}

/**
 * For example: process 712 (sh) of nobody, invocation 12, in rpc_wait at /home/x (nfs4 on
 * server:/home).
 */
function describeProcess(process: UnkillableProcess): string {
  const { pid, name, user, invocation, waitsIn, path, fileSystem } = process;
  const from = invocation === null ? "" : `, invocation ${invocation}`;
  const where = waitsIn === null ? "" : `, in ${waitsIn}`;
  const at = path === null ? "" : `, at ${path}`;
  const on = fileSystem === null ? "" : ` in the file system ${fileSystem}`;
  return `process ${pid}${name === "" ? "" : ` (${name})`} of ${user ?? "an unknown user"}${from}${where}${at}${on}`;
}
