// Calls a function for a command: sends the call, waits for its end, and shows the answer.

import { isFinal } from "../../model/invocation.js";
import {
  type CalledAnswer,
  type CallRequest,
  type GleanerClient,
  maxWaitMs,
  randomUuid,
} from "../../sdk/index.js";
import { exitStatus } from "../context.js";
import { json, print } from "../output.js";
import { waitForEnd } from "../wait.js";
import { printAnswer } from "./answer.js";

export interface CallForm {
  readonly async?: boolean;
  readonly json?: boolean;
}

/** Returns the exit status. */
export async function callAndShow(
  client: GleanerClient,
  asked: Pick<CallRequest, "function" | "input" | "timeLimitMs">,
  form: CallForm,
): Promise<number> {
  const waitMs = form.async ? 0 : maxWaitMs;
  const answer = await client.call({ requestId: randomUuid(), fresh: true, waitMs, ...asked });
  const id = String(answer.id);
  if (form.async) {
    print(form.json ? json({ id: answer.id }) : `${id}\n`);
    return exitStatus.done;
  }
  const state = answer.invocation?.state;
  if (state !== undefined && isFinal(state)) return show(client, answer, form);
  await waitForEnd(client, id);
  const [{ invocation }, ended] = await Promise.all([client.detail(id), client.answer(id)]);
  return show(client, { id: answer.id, invocation, answer: ended.answer }, form);
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
