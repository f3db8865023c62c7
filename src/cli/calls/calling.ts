// Calls a function for a command: sends the call, waits for its end, and shows the answer.

import { isFinal } from "../../model/invocation.js";
import {
  type CalledAnswer,
  type CallRequest,
  type GleanerClient,
  maxWaitMs,
  patiently,
  randomUuid,
} from "../../sdk/index.js";
import { exitStatus } from "../context.js";
import { complain, json, print } from "../output.js";
import { printAnswer } from "./answer.js";

export interface CallForm {
  readonly async?: boolean;
  readonly json?: boolean;
}

/** Returns the exit status. Ctrl-C cancels the call, unless nobody waits for it. */
export async function callAndShow(
  client: GleanerClient,
  asked: Pick<CallRequest, "function" | "input" | "timeLimitMs">,
  form: CallForm,
): Promise<number> {
  const request = { requestId: randomUuid(), ...asked };
  if (form.async) {
    const { id } = await client.call({ ...request, fresh: true, waitMs: 0 });
    print(form.json ? json({ id }) : `${id}\n`);
    return exitStatus.done;
  }
  const aborter = new AbortController();
  const abort = (): void => aborter.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, abort);
  try {
    return await show(client, await answered(client, request, aborter.signal), form);
  } catch (error) {
    if (!aborter.signal.aborted) throw error;
    // The request's id leads to the call, whether or not its submission was answered.
    const { id } = await client.call({ ...request, waitMs: 0 });
    await client.cancel({ ids: [String(id)] });
    complain(`interrupted: call ${id} is cancelled`);
    return exitStatus.interrupted;
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.removeListener(signal, abort);
  }
}

async function answered(
  client: GleanerClient,
  request: Omit<CallRequest, "waitMs">,
  signal: AbortSignal,
): Promise<CalledAnswer> {
  const answer = await client.call({ ...request, fresh: true, waitMs: maxWaitMs }, signal);
  const state = answer.invocation?.state;
  if (state !== undefined && isFinal(state)) return answer;
  const id = String(answer.id);
  const gaveUp = `gleanerd did not answer for 10 minutes; call ${id} stays in its queue: later, run glean show ${id} --answer`;
  for (;;) {
    signal.throwIfAborted();
    const ask = () => client.outcomes(id, { tasks: "0", waitMs: maxWaitMs }, signal);
    if ((await patiently(ask, gaveUp, signal)).outcomes.length > 0) break;
  }
  const [{ invocation }, ended] = await Promise.all([client.detail(id), client.answer(id)]);
  return { id: answer.id, invocation, answer: ended.answer };
}

const show = (
  client: GleanerClient,
  { id, invocation, answer }: CalledAnswer,
  form: CallForm,
): Promise<number> =>
  printAnswer(
    client,
    { id, state: invocation?.state ?? null, reason: invocation?.reason ?? null, answer },
    form.json === true,
  );
