// One call of a function. If its client waits for the answer, nothing waits for the disk: the
// client has the input, and the call is recorded with its end.

import { nowMs } from "../../../clock.js";
import { digestOf } from "../../../core/submission/digest.js";
import type { CallAnswer, Payload } from "../../../model/call.js";
import type { InvocationId } from "../../../model/ids.js";
import { type Invocation, newInvocation } from "../../../model/invocation.js";
import type { AskedOf } from "../../../wire/api/types.js";
import type { Act } from "../../auth/audit.js";
import { ownInputs } from "../../functions/own-inputs.js";
import { record } from "../../invocations/call-records.js";
import { UnrecordedCall } from "../../state/unrecorded.js";
import { type Accepted, admitted } from "../invocations.js";
import type { Caller } from "../server/caller.js";
import { type AskedCalls, acceptCalls, askedOf, type CallRoutes } from "./accepting.js";

/** If more ends are not on record, the disk does not keep up: then clients wait for it again. */
const maxUnrecorded = 4_000;
/** The terms travel with the order, too: the executor keeps them in a voucher. */
const maxTermsBytes = 64 * 1024;

/** One call, with its input as bytes. */
export type AskedCall = Omit<AskedOf<"call", "body">, "input"> & { readonly input: Payload };

export interface Answered {
  readonly id: InvocationId;
  /** null if the request did not wait. */
  readonly invocation: Invocation | null;
  readonly answer: CallAnswer | null;
}

/**
 * Without waitMs resolves once the call is durable; with it once the call has ended, or with a
 * durable call at that time.
 */
export async function answerOne(
  deps: CallRoutes,
  caller: Caller,
  { waitMs, input, fresh, ...rest }: AskedCall,
  signal: AbortSignal,
): Promise<Answered> {
  const asked = { ...rest, inputs: [input], tasks: null };
  // What was sent before may be on record, where only the store finds it.
  const isFull = deps.live.unrecorded.size >= maxUnrecorded;
  const isKept = waitMs === 0 || !fresh || isFull;
  const call = await unrecordedCall(deps, caller, asked, isKept);
  if (call === null) {
    const accepted = await acceptCalls(deps, caller, asked);
    return waitMs === 0 ? notAwaited(accepted) : awaited(deps, accepted, waitMs, signal);
  }
  if (call.ended === null && waitMs > 0)
    await deps.waiters.untilEnded({ kind: "invocation", id: call.id }, waitMs, signal);
  if (call.ended !== null && waitMs > 0) return answerFrom(call.id, call.ended);
  await record(deps.store, deps.live.unrecorded, call);
  return waitMs === 0 ? notAwaited(call) : awaited(deps, call, 0, signal);
}

/** The call that this request has made, or makes now; null if it must be durable first. */
async function unrecordedCall(
  deps: CallRoutes,
  caller: Caller,
  asked: AskedCalls,
  isKept: boolean,
): Promise<UnrecordedCall | null> {
  const { unrecorded } = deps.live;
  const made = unrecorded.madeBy(caller.uid, asked.requestId);
  if (made !== undefined || isKept) return (await made) ?? null;
  return unrecorded.begin(caller.uid, asked.requestId, () => begin(deps, caller, asked));
}

/** Takes the call into the queue; null if it must be durable first. */
async function begin(
  deps: CallRoutes,
  caller: Caller,
  asked: AskedCalls,
): Promise<UnrecordedCall | null> {
  const { live, dispatcher, callIds } = deps;
  const { requestId } = asked;
  const { uid, gid, user } = caller;
  const wanted = await askedOf(deps, caller, asked);
  // A content stays for longer than a client waits.
  const inputs = await ownInputs(deps.store, uid, asked.inputs);
  const id = await callIds.take();
  const submission = admitted(deps, uid, wanted, inputs);
  const digest = digestOf(uid, submission, inputs);
  if (digest.documentBytes > maxTermsBytes) return null;
  const owner = { uid, gid, user };
  const submittedAtMs = nowMs();
  const call = new UnrecordedCall(id, { requestId, owner, submission, inputs, submittedAtMs });
  const { name, cores, memoryMb, gpus, timeLimitMs } = submission;
  const amounts = { cores, memoryMb, gpus, timeLimitMs };
  const of = { id, arrayJobId: null, arrayTaskId: null, owner, name, ...amounts, submittedAtMs };
  live.unrecorded.add(call);
  live.add({ invocation: newInvocation(of), digest }, null);
  dispatcher.hurry();
  return call;
}

/** For the audit log. */
export const actOf = ({ id }: Answered, asked: Pick<AskedCall, "function">): Act => ({
  action: "submit",
  subject: String(id),
  detail: asked.function,
});

const notAwaited = ({ id }: Pick<Accepted, "id">): Answered => ({
  id,
  invocation: null,
  answer: null,
});

const answerFrom = (
  id: Accepted["id"],
  { invocation, answer }: NonNullable<UnrecordedCall["ended"]>,
): Answered => ({ id, invocation, answer });

/** The call as it is at its end, or after `waitMs`. */
export async function awaited(
  { store, waiters }: Pick<CallRoutes, "store" | "waiters">,
  { id }: Pick<Accepted, "id">,
  waitMs: number,
  signal: AbortSignal,
): Promise<Answered> {
  await waiters.untilEnded({ kind: "invocation", id }, waitMs, signal);
  const [invocation] = await store.listInvocations({ ids: [id], limit: 1 });
  const answer = await store.answerOf(id);
  return { id, invocation: invocation ?? null, answer };
}
