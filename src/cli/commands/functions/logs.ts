// `glean function logs`: what one's own calls of a function printed, also as they end.

import type { Command } from "commander";
import { GleanerError } from "../../../model/errors.js";
import { type FunctionRef, parseFunctionRef } from "../../../model/functions/reference.js";
import {
  type FunctionLog,
  type FunctionLogQuery,
  type GleanerClient,
  maxWaitMs,
  patiently,
} from "../../../sdk/index.js";
import { type Context, exitStatus, type Run } from "../../context.js";
import { print, printable } from "../../output.js";
import { parseDuration, parseId } from "../../values.js";
import { waitForEnd } from "../../wait.js";

type Log = FunctionLog["logs"][number];

interface Options {
  readonly follow?: boolean;
  readonly call?: string;
  readonly last?: string;
  readonly json?: boolean;
}

const defaultLastMs = 600_000;

const examples = `
A call's log comes at its end: at most 64 kB, of which the beginning is cut off if it printed more.
Logs are kept as long as results (results.keepMs). What a function printed for others is theirs.

Examples:
  glean function logs tile
  glean function logs tile -f
  glean function logs ada/tile --last 2:00:00
  glean function logs tile --call 42_7`;

export function defineLogs(parent: Command, run: Run): void {
  parent
    .command("logs")
    .summary("print what your calls of a function printed")
    .description("Print what your calls of a function printed, each line after its call's id.")
    .argument("<function>", "NAME or OWNER/NAME")
    .option("-f, --follow", "go on with calls that end from now on, until Ctrl-C")
    .option("--call <ID>", "only this call, 42 or 42_7; with -f, once it has ended")
    .option("--last <TIME>", "only calls that ended within this time (default: 10 minutes)")
    .option("--json", "a line of JSON for each call")
    .addHelpText("after", examples)
    .action(run(logs));
}

async function logs(context: Context, text: string, options: Options): Promise<number> {
  const ref = parseFunctionRef(text);
  const { call, last, follow = false } = options;
  if (text.slice(text.indexOf("/") + 1).includes("@"))
    throw bad(`the logs are those of all versions: give ${ref.name} without @`);
  if (call !== undefined && last !== undefined) throw bad("give --call or --last, and not both");
  const lastMs = last === undefined ? defaultLastMs : parseDuration(last, "--last");
  const show = (log: Log) => print(options.json ? `${JSON.stringify(log)}\n` : linesOf(log));
  const client = await context.client();
  if (call !== undefined) {
    show(await ofCall(client, ref, parseId(call), follow));
    return exitStatus.done;
  }
  const read = (query: FunctionLogQuery) => client.functions.log(ref, query);
  await printAll({ lastMs }, follow, read, show);
  return exitStatus.done;
}

/** Ends once there is nothing more; never if it follows. */
async function printAll(
  from: FunctionLogQuery,
  follow: boolean,
  read: (query: FunctionLogQuery) => Promise<FunctionLog>,
  show: (log: Log) => void,
): Promise<void> {
  const gaveUp = "gleanerd did not answer for 10 minutes: follow the logs again later";
  for (let query = from; ; ) {
    const asked = query;
    const { logs, next }: FunctionLog = await (follow
      ? patiently(() => read(asked), gaveUp)
      : read(asked));
    for (const each of logs) show(each);
    if (logs.length === 0 && !follow) return;
    query = { after: next, waitMs: follow ? maxWaitMs : 0 };
  }
}

/** Rejects with BAD_REQUEST for what is no call of the function, or has not ended. */
async function ofCall(
  client: GleanerClient,
  { owner, name }: FunctionRef,
  id: string,
  follow: boolean,
): Promise<Log> {
  if (follow) await waitForEnd(client, id);
  const { invocation, submission } = await client.detail(id);
  const { command } = submission;
  const called = command.kind === "call" ? command.function : null;
  const isOfIt = owner === null ? called?.endsWith(`/${name}`) : called === `${owner}/${name}`;
  if (isOfIt !== true) throw bad(`${id} is no call of ${name}: see glean show ${id}`);
  if (invocation.arrayJobId !== null && !id.includes("_"))
    throw bad(`${id} is a map: name one of its calls, such as ${id}_0`);
  const { endedAtMs } = invocation;
  if (endedAtMs === null)
    throw bad(`call ${id} has not ended, and its log comes at its end: wait for it with -f`);
  return { id, endedAtMs, text: (await client.callLog(id)).text };
}

/** `[42_7] text`, so that the lines of several calls can be told apart. */
const linesOf = ({ id, text }: Log): string =>
  text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => `[${id}] ${printable(line)}\n`)
    .join("");

const bad = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);
