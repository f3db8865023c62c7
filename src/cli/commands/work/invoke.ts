// `glean invoke`: calls a function and prints its result.

import { existsSync, readFileSync } from "node:fs";
import { GleanerError, messageOf } from "../../../model/errors.js";
import { isFinal } from "../../../model/invocation.js";
import { type CalledAnswer, encode, maxWaitMs, randomUuid } from "../../../sdk/index.js";
import { printAnswer } from "../../calls/answer.js";
import { contentOf } from "../../calls/content.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { json, print } from "../../output.js";
import { parseDuration } from "../../values.js";
import { waitForEnd } from "../../wait.js";

const examples = `
The result goes to standard output as it is, errors of the function to standard error.

Examples:
  glean invoke tile --input '{"zoom": 3}'
  glean invoke ada/tile@prod --input request.json
  producer | glean invoke compress --input - > result
  id=$(glean invoke tile --input '{}' --async); glean show $id --answer`;

interface Options {
  readonly input?: string;
  readonly type?: string;
  readonly time?: string;
  readonly async?: boolean;
  readonly json?: boolean;
}

export const define: Define = (command, run) => {
  command
    .argument("<function>", "NAME, NAME@ALIAS, NAME@VERSION, or one of these after OWNER/")
    .option("--input <INPUT>", "a file, - for standard input, or the input itself (default: null)")
    .option("--type <TYPE>", "the input's content type (default: JSON if it is JSON)")
    .option("-t, --time <TIME>", "a shorter time limit than the function's")
    .option("--async", "print the call's id and do not wait for its result")
    .option("--json", "one JSON document with the state and the answer")
    .addHelpText("after", examples)
    .action(run(invoke));
};

async function invoke(context: Context, called: string, options: Options): Promise<number> {
  const client = await context.client();
  const request = {
    requestId: randomUuid(),
    function: called,
    input: encode(contentOf(bytesOf(options.input), options.type)),
    timeLimitMs: options.time === undefined ? null : parseDuration(options.time, "-t"),
    waitMs: options.async ? 0 : maxWaitMs,
  };
  const answer = await client.call(request);
  const id = String(answer.id);
  if (options.async) {
    print(options.json ? json({ id: answer.id }) : `${id}\n`);
    return exitStatus.done;
  }
  const state = answer.invocation?.state;
  if (state !== undefined && isFinal(state)) return show(answer, options);
  await waitForEnd(client, id);
  const [{ invocation }, ended] = await Promise.all([client.detail(id), client.answer(id)]);
  return show({ id: answer.id, invocation, answer: ended.answer }, options);
}

const show = ({ id, invocation, answer }: CalledAnswer, { json }: Options): number =>
  printAnswer(
    { id, state: invocation?.state ?? null, reason: invocation?.reason ?? null, answer },
    json === true,
  );

function bytesOf(input: string | undefined): Buffer {
  if (input === undefined) return Buffer.from("null");
  if (input !== "-" && !existsSync(input)) return Buffer.from(input);
  try {
    return readFileSync(input === "-" ? 0 : input);
  } catch (cause) {
    throw new GleanerError("BAD_REQUEST", `${input} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}
