// Moves a forked worker into the group of its call. Its parent is a process of the user, so what it
// says is only a claim, which is checked against the kernel while nothing of the parent can run.

import { readFileSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { GleanerError } from "../../../model/errors.js";
import type { AttemptGroup } from "../../containment/containment.js";

export interface Family {
  readonly pid: number;
  readonly uid: number;
  readonly group: AttemptGroup;
}

/**
 * The parent's group must be frozen: then the worker cannot end, nor its number become another
 * process's, before it is in its new group. Rejects unless the parent and this worker are all that
 * is in the parent's group.
 */
export async function adopt(pid: number, parent: Family, group: AttemptGroup): Promise<void> {
  const strangers = parent.group.processes().filter((each) => each !== pid && each !== parent.pid);
  if (strangers.length > 0)
    throw broken(`it started ${strangers.length} processes beside the worker`);
  if (pid === parent.pid || !parent.group.processes().includes(pid))
    throw broken(`it named process ${pid}, which it has not just forked`);
  const status = readStatus(pid);
  if (status.parent !== parent.pid || status.uids.some((uid) => uid !== parent.uid))
    throw broken(`it named process ${pid}, which is not its child`);
  // The kernel may take 20 ms for the first, in which the executor must hear prologs, and some
  // microseconds for each of those that follow at once.
  const [first, ...others] = group.joinFiles;
  if (first !== undefined) await writeFile(first, String(pid));
  for (const file of others) writeFileSync(file, String(pid));
  if (!group.processes().includes(pid)) throw broken("its worker could not be moved");
}

function readStatus(pid: number): { readonly parent: number; readonly uids: readonly number[] } {
  const text = readFileSync(`/proc/${pid}/status`, "latin1");
  const field = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, "m").exec(text)?.[1] ?? "";
  return { parent: Number(field("PPid")), uids: field("Uid").split(/\s+/).map(Number) };
}

const broken = (what: string) => new GleanerError("PROTOCOL", what);
