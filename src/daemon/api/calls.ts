// Requests for calls of functions: one call, a map, their answers and what they printed.

import { askedCheck } from "../../core/submission/call.js";
import type { Payload } from "../../model/call.js";
import { GleanerError } from "../../model/errors.js";
import type { Invocation } from "../../model/invocation.js";
import { answerText, payloadOf, payloadText } from "../../wire/api/shapes/calls.js";
import type { AnswerOf } from "../../wire/api/types.js";
import { admitBundle, type BundleParts } from "../functions/bundles.js";
import { acceptCalls, type CallRoutes } from "./calls/accepting.js";
import { listLogs, readLog } from "./calls/logs.js";
import { type Answered, actOf, answerOne, awaited } from "./calls/synchronous.js";
import { accept, type InvocationRoutes } from "./invocations.js";
import { listAnswers, listOutcomes } from "./outcomes.js";
import { goneSignal } from "./server/caller.js";
import type { Handlers } from "./server/register.js";
import { theirCall, theirs } from "./users.js";

type CallHandlers = Pick<
  Handlers,
  "call" | "map" | "answer" | "answers" | "outcomes" | "input" | "functionLog" | "callLog"
>;

export function callHandlers(deps: CallRoutes): CallHandlers {
  return {
    call: async ({ caller, body, request, reply }) => {
      const asked = { ...body, input: payloadOf(body.input) };
      const answered = await answerOne(deps, caller, asked, goneSignal(reply));
      request.act = actOf(answered, body);
      // The answer only names it.
      await answered.content?.keep.orFailed();
      return inText(answered);
    },
    map: async ({ caller, body, request }) => {
      const { requestId, timeLimitMs } = body;
      const inputs = body.inputs.map(payloadOf);
      const tasks = inputs.length;
      const asked = { requestId, function: body.function, timeLimitMs, tasks, inputs };
      const { id } = await acceptCalls(deps, caller, asked);
      const detail = `${body.function}, ${tasks} inputs`;
      request.act = { action: "submit", subject: String(id), detail };
      return { id, tasks };
    },
    answer: async ({ caller, params: { id } }) => {
      const invocation = await theirs(deps.store, caller, id, "see the answer of");
      const answer = await deps.store.answerOf(invocation.id);
      return { state: invocation.state, answer: answer === null ? null : answerText(answer) };
    },
    answers: ({ caller, params: { id }, query }) => listAnswers(deps.store, caller, id, query),
    outcomes: async ({ caller, params: { id }, query, reply }) => {
      return { outcomes: await listOutcomes(deps, caller, { id, ...query }, goneSignal(reply)) };
    },
    input: async ({ caller, params: { id } }) => {
      const invocation = await theirCall(deps.store, caller, id, "see the input of");
      const input = await inputOf(deps, invocation);
      if (input === null)
        throw new GleanerError(
          "NOT_FOUND",
          `${id} has no input: it is no call, or its input was removed for its age`,
        );
      return payloadText(input);
    },
    functionLog: ({ caller, params, query, reply }) =>
      listLogs(deps, caller, { ...params, ...query }, goneSignal(reply)),
    callLog: ({ caller, params: { id }, query: { after } }) => readLog(deps, caller, id, after),
  };
}

/** null if it is no call, or its input was removed for its age. */
async function inputOf(
  { store, packedInputs }: Pick<CallRoutes, "store" | "packedInputs">,
  { id, arrayJobId }: Invocation,
): Promise<Payload | null> {
  const own = await store.inputOf(id);
  if (own !== null || arrayJobId === null) return own;
  const packed = await store.packedInputsOf(arrayJobId);
  return packed === null ? null : packedInputs.read(packed, id - arrayJobId);
}

const inText = ({ id, invocation, answer }: Answered): AnswerOf<"call"> => ({
  ...{ id, invocation },
  answer: answer === null ? null : answerText(answer),
});

/** A call that loads what is about to be deployed. */
export function checkHandlers(
  deps: InvocationRoutes & BundleParts,
): Pick<Handlers, "checkFunction"> {
  return {
    checkFunction: async ({ caller, body, request, reply }) => {
      const { requestId, name, bundle: version, waitMs } = body;
      await deps.access.require(caller);
      await deps.reserve.require();
      const { uid, user } = caller;
      const admitted = await admitBundle(deps, uid, version);
      const submission = askedCheck({ owner: { uid, user }, name, version, ...admitted }, "check");
      const inputs = [{ contentType: "", body: new Uint8Array() }];
      const accepted = await accept(deps, caller, { requestId, submission, inputs });
      request.act = { action: "submit", subject: String(accepted.id), detail: submission.name };
      if (waitMs === 0) return { id: accepted.id, invocation: null, answer: null };
      return inText(await awaited(deps, accepted, waitMs, goneSignal(reply)));
    },
  };
}
