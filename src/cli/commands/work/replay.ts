// `glean replay`: runs a call again with the same version and input, on this machine or in a hole.

import { GleanerError } from "../../../model/errors.js";
import { parseFunctionRef, shownVersion } from "../../../model/functions/reference.js";
import { versionId } from "../../../model/ids.js";
import type { GleanerClient } from "../../../sdk/index.js";
import { type CallForm, callAndShow } from "../../calls/calling.js";
import { keptContent } from "../../calls/content.js";
import type { Context, Define } from "../../context.js";
import { deployedVersion } from "../../functions/deployed.js";
import { runHere, type TestForm } from "../../functions/local.js";
import { parseId } from "../../values.js";

const examples = `
The input of a call is kept as long as its answer. The call runs on this machine, as with
glean function test, or with --remote as a new call in a hole, which is billed.

Examples:
  glean replay 42
  glean replay 42_7 --inspect
  glean replay 42 --remote`;

interface Options extends CallForm, TestForm {
  readonly remote?: boolean;
}

export const define: Define = (command, run) => {
  command
    .argument("<id>", "a call: 42, or 42_7 of a map")
    .option("--remote", "as a new call in a hole")
    .option("--inspect", "on this machine, in the language's debugger")
    .option("--async", "with --remote: print the new call's id and do not wait for its result")
    .option("--json", "one JSON document with the answer")
    .addHelpText("after", examples)
    .action(run(replay));
};

/** Who removes code means it: a replay must not bring it back. */
async function requireVersion(client: GleanerClient, id: string, called: string): Promise<void> {
  const ref = parseFunctionRef(called);
  const { selector } = ref;
  try {
    await client.functions.show(ref, selector.kind === "alias" ? selector.alias : selector.prefix);
  } catch (thrown) {
    if (!(thrown instanceof GleanerError) || thrown.code !== "NOT_FOUND") throw thrown;
    throw new GleanerError(
      "NOT_FOUND",
      `${id} called ${shownCall(called)}, which was removed or is no longer shared with you: once the same code is deployed with the same settings, it is that version again`,
      { cause: thrown },
    );
  }
}

const shownCall = (called: string): string => {
  const [name, version] = called.split("@") as [string, string];
  return `${name}@${shownVersion(versionId(version))}`;
};

async function replay(context: Context, text: string, options: Options): Promise<number> {
  const wrong = options.remote ? options.inspect && "--inspect" : options.async && "--async";
  if (wrong)
    throw new GleanerError(
      "BAD_REQUEST",
      `${wrong} is for a replay ${options.remote ? "on this machine: omit --remote" : "in a hole: add --remote"}`,
    );
  const id = parseId(text);
  const client = await context.client();
  const { submission, invocation } = await client.detail(id);
  const { command } = submission;
  if (command.kind !== "call")
    throw new GleanerError(
      "BAD_REQUEST",
      `${id} is no call of a function: submit a command again with glean batch`,
    );
  const input = await client.input(id);
  const called = `${command.function}@${command.version}`;
  await requireVersion(client, id, called);
  const { timeLimitMs } = invocation;
  if (options.remote) return callAndShow(client, { function: called, input, timeLimitMs }, options);
  const tested = await deployedVersion(client, parseFunctionRef(called));
  const settings = { ...tested.settings, timeLimitMs };
  return runHere({ ...tested, settings, input: await keptContent(client, input) }, options);
}
