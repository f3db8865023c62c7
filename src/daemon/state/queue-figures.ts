// What the queue has of one user: for limits, entries, which cost memory, and calls of a version.

import type { QueueLoad } from "../../core/submission/admission.js";
import type { VersionId } from "../../model/ids.js";
import type { LiveInvocations } from "./live.js";

/** All that is in the queue or about to be, for the limits of a user who submits `inputBytes`. */
export function loadOf(live: LiveInvocations, uid: number, inputBytes: number): QueueLoad {
  const { arriving } = live;
  const { count, documentBytes } = live.of(uid);
  const { entries, ownEntries } = entriesOf(live, uid);
  return {
    waiting: live.size + arriving.sum("tasks"),
    ownWaiting: count + arriving.sum("tasks", uid),
    entries: entries + arriving.sum("entries"),
    ownEntries: ownEntries + arriving.sum("entries", uid),
    documentBytes: live.documentBytes + arriving.sum("documentBytes") + inputBytes,
    ownDocumentBytes: documentBytes + arriving.sum("documentBytes", uid) + inputBytes,
  };
}

/** Invocations, and runs of an array's tasks: what the queue's length costs in memory. */
export function entriesOf(
  live: LiveInvocations,
  uid: number,
): { readonly entries: number; readonly ownEntries: number } {
  const { room } = live;
  const singles = live.size - room.inRuns;
  return {
    entries: singles + room.countRuns(),
    ownEntries: live.of(uid).singles.size + room.countRuns(uid),
  };
}

/** A user's calls of a version that have not ended. */
export function callsOf(
  live: Pick<LiveInvocations, "singles" | "runs">,
  { uid, version }: { readonly uid: number; readonly version: VersionId },
): { readonly open: number; readonly waiting: number } {
  let waiting = 0;
  let running = 0;
  for (const { state, digest } of live.singles(uid))
    if (digest.version !== version) continue;
    else if (state === "PENDING") waiting++;
    else running++;
  for (const { count, submission } of live.runs(uid))
    if (submission.digest.version === version) waiting += count;
  return { open: waiting + running, waiting };
}
