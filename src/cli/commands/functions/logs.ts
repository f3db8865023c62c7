// `glean function logs`: what one's own calls of a function printed, also while they run.

import { setTimeout as pause } from "node:timers/promises";
import type { Command } from "commander";
import { GleanerError } from "../../../model/errors.js";
import { type FunctionRef, parseFunctionRef } from "../../../model/functions/reference.js";
import { namesArray } from "../../../model/ids.js";
import {
  type FunctionLog,
  type FunctionLogQuery,
  type GleanerClient,
  maxWaitMs,
  patiently,
} from "../../../sdk/index.js";
import { type Context, exitStatus, type Run } from "../../context.js";
import { CallFollower, gaveUp } from "../../functions/call-follower.js";
import { complain, json, print, printable } from "../../output.js";
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
const lookEveryMs = 1_000;

const examples = `
Of each call the last 64 kB are kept. With -f, lines of calls that run appear within about a second,
of up to 20 calls at a time; the others follow at their ends, as all do with --json.
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
    .option("-f, --follow", "go on with what calls print from now on, until Ctrl-C")
    .option("--call <ID>", "only this call, 42 or 42_7; with -f, until it ends")
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
  let isEmpty = true;
  const show = (log: Log) => {
    isEmpty = false;
    print(options.json ? json(log, 0) : linesOf(log));
  };
  const client = await context.client();
  if (call !== undefined) {
    const id = parseId(call);
    await requireCallOf(client, ref, id);
    if (options.json && follow) await waitForEnd(client, id);
    await printOne(client, id, follow && options.json !== true, show);
    return exitStatus.done;
  }
  const read = (query: FunctionLogQuery) => client.functions.log(ref, query);
  const running = follow && options.json !== true ? new Running(client, show) : null;
  await printAll({ lastMs }, follow, read, running, show);
  if (isEmpty)
    complain(
      `note: no call of yours that ended within ${last ?? "10 minutes"} printed anything: --last looks further back, as in --last 1d`,
    );
  return exitStatus.done;
}

/** The calls that run while somebody follows them. */
class Running {
  private readonly followed = new Map<string, CallFollower>();

  constructor(
    private readonly client: GleanerClient,
    private readonly show: (log: Log) => void,
  ) {}

  async look(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const follower = this.followed.get(id) ?? new CallFollower(this.client, id);
      this.followed.set(id, follower);
      const text = await printedBy(follower);
      if (text !== "") this.show({ id, endedAtMs: 0, text });
    }
  }

  /** What a call printed that was not shown yet. */
  async restOf(log: Log): Promise<Log> {
    const follower = this.followed.get(log.id);
    if (follower === undefined) return log;
    this.followed.delete(log.id);
    return { ...log, text: await printedBy(follower) };
  }
}

/** Nothing if a call that was never recorded is gone with the gleanerd that knew it. */
async function printedBy(follower: CallFollower): Promise<string> {
  try {
    return (await follower.read()).text;
  } catch (error) {
    if (error instanceof GleanerError && error.code === "NOT_FOUND") return "";
    throw error;
  }
}

/** Ends once there is nothing more; never if it follows. */
async function printAll(
  from: FunctionLogQuery,
  follow: boolean,
  read: (query: FunctionLogQuery) => Promise<FunctionLog>,
  calls: Running | null,
  show: (log: Log) => void,
): Promise<void> {
  for (let query = from; ; ) {
    const asked = query;
    const { logs, next, running }: FunctionLog = await (follow
      ? patiently(() => read(asked), gaveUp)
      : read(asked));
    for (const each of logs) {
      const rest = (await calls?.restOf(each)) ?? each;
      if (rest.text !== "") show(rest);
    }
    await calls?.look(running);
    if (logs.length === 0 && !follow) return;
    query = { after: next, waitMs: calls !== null ? lookEveryMs : follow ? maxWaitMs : 0 };
  }
}

/** What it has printed, and with `follow` what it prints until it ends. */
async function printOne(
  client: GleanerClient,
  id: string,
  follow: boolean,
  show: (log: Log) => void,
): Promise<void> {
  const follower = new CallFollower(client, id);
  for (;;) {
    const { text, isOver } = follow ? await follower.read() : await client.callLog(id);
    const { endedAtMs } = isOver ? (await client.detail(id)).invocation : { endedAtMs: null };
    if (text !== "") show({ id, endedAtMs: endedAtMs ?? 0, text });
    if (isOver) return;
    if (!follow) {
      complain(`note: ${id} has not ended: -f goes on with what it prints`);
      return;
    }
    await pause(lookEveryMs);
  }
}

/** Rejects with BAD_REQUEST for what is no call of the function. */
async function requireCallOf(
  client: GleanerClient,
  { owner, name }: FunctionRef,
  id: string,
): Promise<void> {
  const { invocation, submission } = await client.detail(id);
  const { command } = submission;
  const called = command.kind === "call" ? command.function : null;
  const isOfIt = owner === null ? called?.endsWith(`/${name}`) : called === `${owner}/${name}`;
  if (isOfIt !== true) throw bad(`${id} is no call of ${name}: see glean show ${id}`);
  if (namesArray(id, invocation))
    throw bad(`${id} is a map: name one of its calls, such as ${id}_0`);
}

/** `[42_7] text`, so that the lines of several calls can be told apart. */
const linesOf = ({ id, text }: Log): string =>
  text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => `[${id}] ${printable(line)}\n`)
    .join("");

const bad = (sentence: string): GleanerError => new GleanerError("BAD_REQUEST", sentence);
