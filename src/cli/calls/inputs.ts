// The inputs of `glean map`: lines of JSON, the files of a folder, or those of calls that failed.

import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { GleanerError, messageOf } from "../../model/errors.js";
import { displayId, type Invocation } from "../../model/invocation.js";
import { Content, type GleanerClient } from "../../sdk/index.js";
import { quoted } from "../values.js";
import { contentOf, keptContent } from "./content.js";

export interface Source {
  readonly inputs: AsyncIterable<Content> | Iterable<Content>;
  /** null if nobody knows before the end. */
  readonly total: number | null;
  /** What a result says of its input, in addition to the number. */
  readonly labelOf: (index: number) => { readonly input?: string; readonly retryOf?: string };
}

const bad = (sentence: string, cause?: unknown): GleanerError =>
  new GleanerError("BAD_REQUEST", sentence, { cause });

/** `-`: standard input. A file is checked before the first call. */
export async function sourceOf(name: string): Promise<Source> {
  if (name === "-")
    return { inputs: linesOf(process.stdin, name), total: null, labelOf: () => ({}) };
  if (!existsSync(name))
    throw bad(
      `--inputs: there is no file or folder ${quoted(name)}: name one, or - for standard input`,
    );
  if (statSync(name).isDirectory()) return folderSource(name);
  const open = () => linesOf(createReadStream(name), name);
  let total = 0;
  for await (const _ of open()) total++;
  if (total === 0)
    throw bad(`--inputs: ${quoted(name)} has no line: write one input a line, as JSON`);
  return { inputs: open(), total, labelOf: () => ({}) };
}

async function* linesOf(stream: NodeJS.ReadableStream, name: string): AsyncGenerator<Content> {
  let number = 0;
  try {
    for await (const line of createInterface({
      input: stream,
      crlfDelay: Number.POSITIVE_INFINITY,
    })) {
      number++;
      if (line.trim() === "") continue;
      JSON.parse(line);
      yield new Content("application/json", line);
    }
  } catch (cause) {
    if (cause instanceof SyntaxError)
      throw bad(
        `--inputs: line ${number} of ${quoted(name)} is not JSON (${messageOf(cause)})`,
        cause,
      );
    throw bad(`--inputs: ${quoted(name)} cannot be read: ${messageOf(cause)}`, cause);
  }
}

function folderSource(folder: string): Source {
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .sort();
  if (names.length === 0) throw bad(`--inputs: the folder ${quoted(folder)} has no files`);
  function* contents() {
    for (const name of names) yield contentOf(readFileSync(join(folder, name)));
  }
  return { inputs: contents(), total: names.length, labelOf: (at) => ({ input: names[at]! }) };
}

const failedStates = "FAILED,TIMEOUT,OUT_OF_MEMORY,CANCELLED";

/** The calls of these maps that have ended without a result. */
export async function failedIn(
  client: Pick<GleanerClient, "list">,
  ids: readonly string[],
): Promise<readonly Invocation[]> {
  const { invocations } = await client.list({ ids: ids.join(","), states: failedStates });
  return invocations;
}

/** The inputs of these calls, as gleanerd kept them. */
export function againSource(
  client: Pick<GleanerClient, "input" | "functions">,
  calls: readonly Invocation[],
): Source {
  async function* contents() {
    for (const call of calls) {
      yield await keptContent(client, await client.input(displayId(call)));
    }
  }
  const labelOf = (at: number) => ({ retryOf: displayId(calls[at]!) });
  return { inputs: contents(), total: calls.length, labelOf };
}
