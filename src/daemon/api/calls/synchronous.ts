// One call of a function. If its client waits for the answer, nothing waits for the disk: the
// client has the input, and the call is recorded with its end.

import type { CallAnswer, Payload } from "../../../model/call.js";
import type { InvocationId } from "../../../model/ids.js";
import type { Invocation } from "../../../model/invocation.js";
import type { AskedOf } from "../../../wire/api/types.js";
import type { Act } from "../../auth/audit.js";
import type { Carried } from "../../carried/carried.js";
import { ownInputs } from "../../functions/own-inputs.js";
import { record } from "../../invocations/call-records.js";
import type { Accepted } from "../invocations.js";
import type { Caller } from "../server/caller.js";
import { acceptCalls, askedOf, type CallRoutes } from "./accepting.js";
import { ArrivedInput } from "./arrived-input.js";
import { takenUnrecorded } from "./unrecorded.js";

/** One call, with its input as bytes. */
export type AskedCall = Omit<AskedOf<"call", "body">, "input"> & {
  readonly input: Payload | ArrivedInput;
};

export interface Answered {
  readonly id: InvocationId;
  /** null if the request did not wait. */
  readonly invocation: Invocation | null;
  readonly answer: CallAnswer | null;
  /** The result, if it is not on disk yet. */
  readonly content?: Carried | null;
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
  const asked = { ...rest, tasks: null };
  const { requestId } = asked;
  const sent = { requestId, fresh: fresh && waitMs > 0 };
  const call = await takenUnrecorded(deps, caller, sent, async () => {
    const submission = await askedOf(deps, caller, { ...asked, inputs: payloadsIn(input) });
    if (input instanceof ArrivedInput) {
      const carried = await input.carried(deps.blobs);
      return { requestId, submission, inputs: [carried.payload], carried };
    }
    // A content stays for longer than a client waits.
    const inputs = await ownInputs(deps.store, caller.uid, [input]);
    return { requestId, submission, inputs };
  });
  if (call === null) {
    const inputs = input instanceof ArrivedInput ? await input.onDisk(deps.blobs) : [input];
    const accepted = await acceptCalls(deps, caller, { ...asked, inputs });
    return waitMs === 0 ? notAwaited(accepted) : awaited(deps, accepted, waitMs, signal);
  }
  if (waitMs > 0) {
    if (!call.ends.has(call.id))
      await deps.waiters.untilEnded({ kind: "invocation", id: call.id }, waitMs, signal);
    const end = call.ends.get(call.id);
    if (end !== undefined) return { id: call.id, ...end };
  }
  await record(deps.store, deps.live.unrecorded, call);
  return waitMs === 0 ? notAwaited(call) : awaited(deps, call, 0, signal);
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

/** One that has arrived with its call was checked. */
const payloadsIn = (input: Payload | ArrivedInput): readonly Payload[] =>
  input instanceof ArrivedInput ? [] : [input];
