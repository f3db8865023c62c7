// `glean invoke`: calls a function and prints its result.

import { sendable } from "../../../sdk/index.js";
import { type CallForm, callAndShow } from "../../calls/calling.js";
import { type InputOptions, inputOf } from "../../calls/input.js";
import type { Context, Define } from "../../context.js";
import { parseDuration } from "../../values.js";

const examples = `
The result goes to standard output as it is, errors of the function to standard error.

Examples:
  glean invoke tile --input '{"zoom": 3}'
  glean invoke ada/tile@prod --input request.json
  producer | glean invoke compress --input - > result
  id=$(glean invoke tile --input '{}' --async); glean show $id --answer`;

interface Options extends InputOptions, CallForm {
  readonly time?: string;
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
  const timeLimitMs = options.time === undefined ? null : parseDuration(options.time, "-t");
  const content = inputOf(options);
  const client = await context.client();
  const input = await sendable(client.functions, content);
  return callAndShow(client, { function: called, input, timeLimitMs }, options);
}
