// `glean trace`: writes what invocations did when, for Perfetto or Chrome.

import { writeFileSync } from "node:fs";
import { nowMs } from "../../../clock.js";
import { GleanerError, messageOf } from "../../../model/errors.js";
import { displayId } from "../../../model/invocation.js";
import type { GleanerClient, InvocationDetail } from "../../../sdk/index.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { chosenUser } from "../../filters.js";
import { complain, json, print } from "../../output.js";
import { traceOf } from "../../trace-events.js";
import { parseDuration, parseIds } from "../../values.js";

/** Each takes a request. */
const maxTraced = 2_000;
const maxAtOnce = 8;

const examples = `
Open the file in https://ui.perfetto.dev or in chrome://tracing. There is a row for each of what ran
on a node at once: placed, fetch, start and import (of a cold start), run, and evicted; and the queue.

Examples:
  glean trace 42 > trace.json
  glean trace --last 10m --output trace.json`;

interface Options {
  readonly last?: string;
  readonly output?: string;
  readonly user?: string;
}

export const define: Define = (command, run) => {
  command
    .argument("[id...]", "42, 42_7, or an array or a map with all its tasks")
    .option("--last <TIME>", "instead of ids: all that ended in this time, or has not ended")
    .option("-u, --user <USER>", "with --last: only this user's")
    .option("--output <FILE>", "where to write (default: standard output)")
    .addHelpText("after", examples)
    .action(run(trace));
};

async function trace(
  context: Context,
  texts: readonly string[],
  options: Options,
): Promise<number> {
  const { last, output } = options;
  if ((last === undefined) === (texts.length === 0))
    throw new GleanerError("BAD_REQUEST", "name ids, or give --last with a time such as 10m");
  const asked =
    last === undefined
      ? { ids: parseIds(texts).join(",") }
      : { sinceMs: nowMs() - parseDuration(last, "--last"), ...chosenUser(options) };
  const client = await context.client();
  const { invocations, truncated } = await client.list({ ...asked, limit: maxTraced });
  if (invocations.length === 0)
    throw new GleanerError("NOT_FOUND", "there is nothing to trace: check with glean acct");
  if (truncated)
    complain(`note: only ${maxTraced} invocations are traced: name fewer, or a shorter time`);
  const text = json(traceOf(await detailsOf(client, invocations.map(displayId)), nowMs()), 0);
  if (output === undefined) print(text);
  else write(output, text);
  return exitStatus.done;
}

async function detailsOf(
  client: GleanerClient,
  ids: readonly string[],
): Promise<InvocationDetail[]> {
  const details: InvocationDetail[] = [];
  const left = ids.entries();
  const ask = async () => {
    for (const [at, id] of left) details[at] = await client.detail(id);
  };
  await Promise.all(Array.from({ length: maxAtOnce }, ask));
  return details;
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw new GleanerError("BAD_REQUEST", `${file} cannot be written: ${messageOf(cause)}`, {
      cause,
    });
  }
}
