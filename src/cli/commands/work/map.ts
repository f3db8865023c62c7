// `glean map`: calls a function once for each input and prints the results.

import { GleanerError } from "../../../model/errors.js";
import { Connection, type GleanerClient, mapEnds } from "../../../sdk/index.js";
import { type EndedResult, endedResult } from "../../calls/ends.js";
import { againSource, failedIn, type Source, sourceOf } from "../../calls/inputs.js";
import { MapProgress } from "../../calls/progress.js";
import { writerOf } from "../../calls/results.js";
import { type Context, type Define, exitStatus } from "../../context.js";
import { complain, print } from "../../output.js";
import { parseDuration, parseIds } from "../../values.js";

const examples = `
Each result is a line of JSON: {"index":0,"id":"42_0","ok":true,"value":…}, or with "error".
Bytes that are no text are in "base64". Ctrl-C cancels all calls that have not ended.

Examples:
  glean map tile --inputs tiles.ndjson --output results.ndjson
  glean map thumbnail --inputs photos/ --output thumbnails/
  producer | glean map tile --inputs - --as-completed | consumer
  glean map --retry-failed 42
  for id in $(glean map tile --inputs tiles.ndjson --async); do glean show $id --answer; done`;

interface Options {
  readonly inputs?: string;
  readonly output?: string;
  readonly asCompleted?: boolean;
  readonly retryFailed?: string;
  readonly time?: string;
  readonly async?: boolean;
}

export const define: Define = (command, run) => {
  command
    .argument("[function]", "NAME, NAME@ALIAS, NAME@VERSION, or one of these after OWNER/")
    .option("--inputs <FILE>", "one input a line, as JSON; a folder of files; - for standard input")
    .option("--output <FILE>", "in place of standard output; a folder: one file for each result")
    .option("--as-completed", "results as calls end (default: in the order of the inputs)")
    .option("--retry-failed <IDS>", "the inputs of these maps whose calls failed: 42,43")
    .option("-t, --time <TIME>", "a shorter time limit than the function's, for each call")
    .option("--async", "print the ids of the submitted arrays and do not wait for results")
    .addHelpText("after", examples)
    .action(run(map));
};

async function map(
  context: Context,
  called: string | undefined,
  options: Options,
): Promise<number> {
  const client = await context.client();
  const asked = await askedFor(client, called, options);
  if (asked === null) return exitStatus.done;
  const timeLimit =
    options.time === undefined ? {} : { timeLimitMs: parseDuration(options.time, "-t") };
  const job = { ...asked, client, timeLimit };
  return options.async ? submit(job) : collect(job, options);
}

interface Asked {
  readonly called: string;
  readonly source: Source;
}
interface Job extends Asked {
  readonly client: GleanerClient;
  readonly timeLimit: { readonly timeLimitMs?: number };
}

/** null if nothing is to be called again. */
async function askedFor(
  client: GleanerClient,
  called: string | undefined,
  { inputs, retryFailed }: Options,
): Promise<Asked | null> {
  if ((inputs === undefined) === (retryFailed === undefined))
    throw new GleanerError("BAD_REQUEST", "give --inputs or --retry-failed, and not both");
  if (inputs !== undefined) {
    if (called === undefined) throw new GleanerError("BAD_REQUEST", "name the function to call");
    return { called, source: await sourceOf(inputs) };
  }
  const ids = parseIds([retryFailed!]);
  const { submission } = await client.detail(ids[0]!);
  if (submission.command.kind !== "call")
    throw new GleanerError(
      "BAD_REQUEST",
      `${ids[0]} is no map: submit its commands again with glean batch`,
    );
  const failed = await failedIn(client, ids);
  if (failed.length === 0) {
    complain(`no call of ${ids.join(",")} failed: nothing to call again`);
    return null;
  }
  return { called: called ?? submission.command.function, source: againSource(client, failed) };
}

async function submit({ client, called, source, timeLimit }: Job): Promise<number> {
  for await (const { id } of new Connection(client).submitMap(called, source.inputs, timeLimit))
    print(`${id}\n`);
  return exitStatus.done;
}

async function collect(
  { client, called, source, timeLimit }: Job,
  { inputs, output, asCompleted }: Options,
): Promise<number> {
  const aborter = new AbortController();
  const abort = (): void => aborter.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, abort);
  const progress = new MapProgress(source.total);
  const failures = new Failures();
  const writer = writerOf(output, inputs, source);
  const order = asCompleted ? "ended" : "input";
  const how = { ...timeLimit, ...source.reading, order, signal: aborter.signal } as const;
  try {
    for await (const end of mapEnds(client, called, source.inputs, how)) {
      const result = await endedResult(client, end);
      await writer.write(result, source.labelOf(result.index));
      progress.ended(result.ok);
      failures.note(result);
    }
  } catch (error) {
    if (!aborter.signal.aborted) throw error;
    progress.clear();
    complain(`interrupted after ${progress.done} results: the other calls are cancelled`);
    return exitStatus.interrupted;
  } finally {
    progress.clear();
    await writer.close();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.removeListener(signal, abort);
  }
  return failures.summarize(progress.done);
}

/** Which calls failed, and in which arrays. */
class Failures {
  private count = 0;
  private first = "";
  private readonly arrays = new Set<string>();

  note(result: EndedResult): void {
    if (result.ok) return;
    if (this.count++ === 0) {
      const { message } = result.error;
      this.first = message.startsWith("call ")
        ? message
        : `${result.id === null ? `input ${result.index}` : `call ${result.id}`}: ${message}`;
    }
    if (result.id !== null) this.arrays.add(result.id.split("_")[0]!);
  }

  /** Returns the exit status. */
  summarize(total: number): number {
    if (this.count === 0) return exitStatus.done;
    const again =
      this.arrays.size === 0
        ? ""
        : `; call those again with glean map --retry-failed ${[...this.arrays].join(",")}`;
    complain(`${this.count} of ${total} calls failed (the first: ${this.first})${again}`);
    return exitStatus.failed;
  }
}
