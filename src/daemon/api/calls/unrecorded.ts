// Takes calls and leases into the queue before they are on record: their clients wait for the
// answer, and send the request again if gleanerd dies meanwhile.

import { nowMs } from "../../../clock.js";
import { digestOf } from "../../../core/submission/digest.js";
import { newTasks } from "../../../core/submission/new-tasks.js";
import type { Carried } from "../../carried/carried.js";
import type { Settler } from "../../invocations/settle.js";
import { UnrecordedCall } from "../../state/unrecorded.js";
import { type Accepted, type Asked, accept, admitted } from "../invocations.js";
import type { Caller } from "../server/caller.js";
import type { CallRoutes } from "./accepting.js";

/** If more ends are not on record, the disk does not keep up: then clients wait for it again. */
const maxUnrecorded = 4_000;
/** The terms travel with the order, too: the executor keeps them in a voucher. */
const maxTermsBytes = 64 * 1024;

interface AskedUnrecorded extends Asked {
  /** The input, if it came with the call. */
  readonly carried?: Carried;
}

interface Sent {
  readonly requestId: string;
  readonly fresh: boolean;
}

/**
 * The call or lease that this request has made, or makes now by `ask`; null if it must be durable
 * first. `fresh`: the client has not sent the request before.
 */
export async function takenUnrecorded(
  deps: CallRoutes,
  caller: Caller,
  { requestId, fresh }: Sent,
  ask: () => Promise<AskedUnrecorded>,
): Promise<UnrecordedCall | null> {
  const { unrecorded } = deps.live;
  const made = unrecorded.madeBy(caller.uid, requestId);
  // What was sent before may be on record, where only the store finds it.
  const isKept = !fresh || unrecorded.size >= maxUnrecorded;
  if (made !== undefined || isKept) return (await made) ?? null;
  return unrecorded.begin(caller.uid, requestId, async () => begin(deps, caller, await ask()));
}

export interface AheadRoutes extends CallRoutes {
  readonly settler: Pick<Settler, "recordSurely">;
}

/**
 * Takes a lease into the queue and resolves then: it is put on record while its workers start. One
 * that is not `fresh` is durable first.
 */
export async function acceptAhead(
  deps: AheadRoutes,
  caller: Caller,
  sent: Sent,
  ask: () => Promise<Asked>,
): Promise<Pick<Accepted, "id">> {
  const call = await takenUnrecorded(deps, caller, sent, ask);
  if (call === null) return accept(deps, caller, await ask());
  // If there is room, it is ordered by the time that this begins.
  void deps.settler.recordSurely(call);
  return call;
}

/** Takes it into the queue; null if it must be durable first. */
async function begin(
  deps: CallRoutes,
  { uid, gid, user }: Caller,
  { requestId, submission: wanted, inputs = [], carried }: AskedUnrecorded,
): Promise<UnrecordedCall | null> {
  const { live, dispatcher, callIds } = deps;
  const id = await callIds.take(inputs.length);
  const submission = admitted(deps, uid, wanted, inputs);
  const digest = digestOf(uid, submission, inputs);
  if (digest.documentBytes > maxTermsBytes) return null;
  const made = { owner: { uid, gid, user }, submission, submittedAtMs: nowMs() };
  const call = new UnrecordedCall(id, { requestId, ...made, inputs }, carried);
  live.unrecorded.add(call);
  for (const { invocation, run } of newTasks(made, id))
    if (run === undefined) live.add({ invocation, digest }, null);
    else live.addRun({ invocation, digest }, run);
  dispatcher.hurry();
  return call;
}
