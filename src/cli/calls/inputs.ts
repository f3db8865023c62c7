// The inputs of `glean map`: lines of JSON, the files of a folder, or those of calls that failed.

import { isUtf8 } from "node:buffer";
import {
  accessSync,
  constants,
  createReadStream,
  existsSync,
  readdirSync,
  readFileSync,
  type Stats,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { GleanerError, messageOf } from "../../model/errors.js";
import { namesArray } from "../../model/ids.js";
import { Content, type GleanerClient, maxPayloadBytes } from "../../sdk/index.js";
import { complain } from "../output.js";
import { quoted } from "../values.js";
import { contentOf, keptContent } from "./content.js";
import { BadLine, linesIn } from "./lines.js";

export interface Source {
  readonly inputs: AsyncIterable<Content> | Iterable<Content>;
  /** null if nobody knows before the end. */
  readonly total: number | null;
  /** How far it may be read, and how long an input is waited for. */
  readonly reading: { readonly window: number; readonly patienceMs?: number };
  /** What a result says of its input, in addition to the number. */
  readonly labelOf: (index: number) => { readonly input?: string; readonly retryOf?: string };
}

/** The most inputs of standard input that are read ahead of the results. */
const maxStreamedInputs = 1_000_000;
/** A file is one map, also on a slow disk. */
const whole = { window: Number.POSITIVE_INFINITY, patienceMs: 10_000 };
/** Inputs that are fetched at once. */
const askedAtOnce = 32;

/** As a sentence names it. */
const shownName = (name: string): string => (name === "-" ? "standard input" : quoted(name));

const bad = (sentence: string, cause?: unknown): GleanerError =>
  new GleanerError("BAD_REQUEST", sentence, { cause });

/** `-`: standard input. A file is checked before the first call. */
export async function sourceOf(name: string): Promise<Source> {
  if (name === "-")
    return {
      ...{ inputs: linesOf(process.stdin, name), total: null, labelOf: () => ({}) },
      // A producer that is slower than this wants the first results before its last input.
      reading: { window: maxStreamedInputs },
    };
  if (!existsSync(name))
    throw bad(
      `--inputs: there is no file or folder ${quoted(name)}: name one, or - for standard input`,
    );
  if (statSync(name).isDirectory()) return folderSource(name);
  const open = () => linesOf(createReadStream(name), name);
  // A pipe, as of a shell's <(…), can be read once only.
  if (!statSync(name).isFile())
    return {
      ...{ inputs: open(), total: null, labelOf: () => ({}) },
      reading: { window: maxStreamedInputs },
    };
  let total = 0;
  for await (const _ of open()) total++;
  if (total === 0)
    throw bad(`--inputs: ${quoted(name)} has no line: write one input a line, as JSON`);
  return { inputs: open(), total, labelOf: () => ({}), reading: whole };
}

async function* linesOf(stream: NodeJS.ReadableStream, name: string): AsyncGenerator<Content> {
  let number = 0;
  try {
    for await (const line of linesIn(stream)) {
      number++;
      if (line.trim() === "") continue;
      JSON.parse(line);
      yield new Content("application/json", line);
    }
  } catch (cause) {
    const what = shownName(name);
    if (cause instanceof BadLine)
      throw bad(`--inputs: line ${cause.number} of ${what} ${cause.message}`, cause);
    if (cause instanceof SyntaxError)
      throw bad(`--inputs: line ${number} of ${what} is not JSON (${messageOf(cause)})`, cause);
    throw bad(`--inputs: ${what} cannot be read: ${messageOf(cause)}`, cause);
  }
}

function folderSource(folder: string): Source {
  const names: string[] = [];
  const folders: string[] = [];
  for (const bytes of readdirSync(folder, { encoding: "buffer" })) {
    const name = bytes.toString();
    if (name.startsWith(".")) continue;
    if (!isUtf8(bytes)) throw unfit(folder, name, "its name is not UTF-8: rename it");
    const found = entryOf(folder, name);
    if (found.isDirectory()) folders.push(name);
    else names.push(name);
  }
  const [first] = folders.sort();
  if (first !== undefined)
    complain(
      `note: folders in ${quoted(folder)} are not read, such as ${first}: give each to a map of its own`,
    );
  names.sort();
  if (names.length === 0) throw bad(`--inputs: the folder ${quoted(folder)} has no files`);
  function* contents() {
    for (const name of names) yield contentOf(readFileSync(join(folder, name)));
  }
  const labelOf = (at: number) => ({ input: names[at]! });
  return { inputs: contents(), total: names.length, labelOf, reading: whole };
}

/** Throws for what is neither a folder nor a file that can be an input. */
function entryOf(folder: string, name: string): Stats {
  let found: Stats;
  try {
    found = statSync(join(folder, name));
    accessSync(join(folder, name), constants.R_OK);
  } catch (cause) {
    throw unfit(folder, name, `it cannot be read (${messageOf(cause)}): remove it`, cause);
  }
  if (found.isDirectory()) return found;
  if (!found.isFile()) throw unfit(folder, name, "it is no regular file: remove it");
  if (found.size > maxPayloadBytes)
    throw unfit(
      folder,
      name,
      `it has ${found.size} bytes and the limit of an input is ${maxPayloadBytes}: keep the data on a shared file system, and name it in an input`,
    );
  return found;
}

const unfit = (folder: string, name: string, why: string, cause?: unknown): GleanerError =>
  bad(`--inputs: ${quoted(name)} in ${quoted(folder)} is no input, since ${why}`, cause);

/** The ids of the calls of these maps that have ended without a result. */
export async function failedIn(
  client: Pick<GleanerClient, "results" | "outcomes" | "detail">,
  ids: readonly string[],
): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const id of ids) {
    const isMap = !id.includes("_") && namesArray(id, (await client.detail(id)).invocation);
    if (!isMap) {
      const { outcomes } = await client.outcomes(id, {});
      if (outcomes.some(({ state }) => state !== "COMPLETED")) failed.push(id);
      continue;
    }
    for (let after = 0, isOver = false; !isOver; ) {
      const { results, next, isComplete } = await client.results(id, { order: "ended", after });
      for (const { task, state } of results)
        if (state !== "COMPLETED") failed.push(`${id}_${task}`);
      isOver = isComplete || next === after;
      after = next;
    }
  }
  return failed;
}

/** The inputs of these calls, as gleanerd kept them. */
export function againSource(
  client: Pick<GleanerClient, "input" | "functions">,
  calls: readonly string[],
): Source {
  const inputOf = async (id: string) => keptContent(client, await client.input(id));
  async function* contents() {
    for (let at = 0; at < calls.length; at += askedAtOnce)
      yield* await Promise.all(calls.slice(at, at + askedAtOnce).map(inputOf));
  }
  const labelOf = (at: number) => ({ retryOf: calls[at]! });
  return { inputs: contents(), total: calls.length, labelOf, reading: whole };
}
