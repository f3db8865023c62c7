// Prints the answer of a call: its result as it is, or the error of the user's code.

import { titleOf } from "../../model/call.js";
import type { InvocationState } from "../../model/invocation.js";
import type { AnswerOfCall, GleanerClient } from "../../sdk/index.js";
import { exitStatus } from "../context.js";
import { complain, json, print, readable, standardOutput } from "../output.js";
import { endedResult } from "./ends.js";
import { lineOf } from "./results.js";

export interface EndedCall {
  readonly id: string | number;
  readonly state: InvocationState | null;
  readonly reason: string | null;
  readonly answer: AnswerOfCall["answer"];
}

type Client = Pick<GleanerClient, "functions">;
type ClientWithLogs = Client & Pick<GleanerClient, "callLog">;

/** Returns the exit status: 1 if there is no result. */
export async function printAnswer(
  client: ClientWithLogs,
  { id, state, reason, answer }: EndedCall,
  asJson: boolean,
): Promise<number> {
  const isDone = answer?.kind === "result";
  if (asJson) print(json({ id, state, answer }));
  else if (answer === null) complain(`call ${id}: ${whyNone(state, reason)}`);
  else if (isDone && answer.payload.blob !== undefined)
    standardOutput().write(await client.functions.getBlob(answer.payload.blob));
  else showAnswer(`call ${id}`, answer);
  if (!asJson && endedWithItsProcess(state, answer) && (await hasPrinted(client, String(id))))
    complain(`note: what it printed before: glean show ${id} --log`);
  return isDone ? exitStatus.done : exitStatus.failed;
}

/** Without its log there is nothing to point to, for whatever reason it cannot be had. */
const hasPrinted = (client: ClientWithLogs, id: string): Promise<boolean> =>
  client.callLog(id).then(
    ({ text }) => text !== "",
    () => false,
  );

/** Only what it printed may say more. */
const endedWithItsProcess = (
  state: InvocationState | null,
  answer: EndedCall["answer"],
): boolean =>
  answer === null
    ? state === "FAILED" || state === "TIMEOUT"
    : answer.kind !== "result" && processEnds.has(answer.error.type);
const processEnds: ReadonlySet<string> = new Set([
  ...["ProcessExit", "ProcessExited", "ProcessKilled", "ExitStatus", "Signal", "SetupFailed"],
  ...["ImageFailed", "RuntimeFailed"],
]);

/** The result on standard output, or the exception on standard error, after `what`. */
export function showAnswer(what: string, answer: NonNullable<AnswerOfCall["answer"]>): void {
  if (answer.kind === "result") {
    const { text, base64 } = answer.payload;
    standardOutput().write(text === undefined ? Buffer.from(base64!, "base64") : ending(text));
    return;
  }
  showError(what, titleOf(answer.error), answer.error.stack);
}

/** The sentence, and below it the stack, unless that says no more. */
export function showError(what: string, sentence: string, stack: string | null): void {
  complain(`${what}: ${sentence}`);
  const text = stack?.trimEnd() ?? "";
  if (!sentence.includes(text))
    process.stderr.write(`${readable(text, process.stderr.isTTY === true)}\n`);
}

function whyNone(state: InvocationState | null, reason: string | null): string {
  if (state === "COMPLETED") return "its result was removed for its age";
  if (state === "PENDING" || state === "RUNNING")
    return `it is ${state}: its answer is there once it has ended`;
  return reason ?? String(state);
}

/** A line of its own on a terminal; programs get the bytes as they are. */
const ending = (text: string): string =>
  process.stdout.isTTY && !text.endsWith("\n") ? `${text}\n` : text;

/** The answer of a task of a map, as a line of the output of `glean map`. */
export async function answerLine(
  client: Client,
  map: string,
  index: number,
  answer: NonNullable<AnswerOfCall["answer"]>,
): Promise<string> {
  const outcome = { task: index, state: "COMPLETED", reason: null, answer } as const;
  return lineOf(await endedResult(client, { index, id: `${map}_${index}`, outcome }));
}
