// The results of `glean map`, exactly as they came: one line of JSON each, or one file each in a
// folder.

import { once } from "node:events";
import {
  createWriteStream,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { GleanerError, messageOf } from "../../model/errors.js";
import { escapedJson, standardOutput } from "../output.js";
import { quoted } from "../values.js";
import type { EndedResult } from "./ends.js";
import type { Source } from "./inputs.js";

export interface ResultWriter {
  write(result: EndedResult, label: Label): Promise<void>;
  close(): Promise<void>;
}

/** Behind the name of an input whose call failed. */
const errorSuffix = ".error.json";

type Label = { readonly input?: string; readonly retryOf?: string };

/**
 * A folder if it is one or ends with a slash; if omitted, standard output. Throws BAD_REQUEST if it
 * is where the inputs are, which results would replace, or if results would replace each other.
 */
export function writerOf(
  output: string | undefined,
  inputs: string | undefined,
  source: Pick<Source, "total" | "labelOf">,
): ResultWriter {
  if (output === undefined) return new Lines(standardOutput());
  if (inputs !== undefined && isSameFile(output, inputs))
    throw new GleanerError(
      "BAD_REQUEST",
      `--output ${output} is where the inputs are, and results would replace them: name another one`,
    );
  if (output.endsWith("/") || (existsSync(output) && statSync(output).isDirectory())) {
    requireOwnFiles(output, source);
    return new Saving(output, () => new Files(output));
  }
  return new Saving(
    output,
    () => new Lines(createWriteStream(output, { fd: openSync(output, "w") })),
  );
}

/** Says which file or folder cannot be written, at once if that is known before the first call. */
class Saving implements ResultWriter {
  private readonly writer: ResultWriter;
  private map: string | null = null;

  constructor(
    private readonly output: string,
    open: () => ResultWriter,
  ) {
    try {
      this.writer = open();
    } catch (cause) {
      throw this.failed(cause);
    }
  }

  async write(result: EndedResult, label: Label): Promise<void> {
    this.map = result.id?.split("_")[0] ?? this.map;
    await this.writer.write(result, label).catch((cause) => Promise.reject(this.failed(cause)));
  }

  async close(): Promise<void> {
    await this.writer.close().catch((cause) => Promise.reject(this.failed(cause)));
  }

  private failed(cause: unknown): GleanerError {
    const why = `--output ${this.output} cannot be written: ${messageOf(cause)}`;
    const kept =
      this.map === null
        ? "give a file or a folder that you may write"
        : `calls that have not ended are cancelled, and glean show ${this.map} --answer has the other results`;
    return new GleanerError("STORE", `${why}: ${kept}`, { cause });
  }
}

/** The error of an input must not have the name of another input's result. */
function requireOwnFiles(output: string, { total, labelOf }: Pick<Source, "total" | "labelOf">) {
  const names = new Set(Array.from({ length: total ?? 0 }, (_, index) => labelOf(index).input));
  for (const name of names)
    if (name !== undefined && names.has(`${name}${errorSuffix}`))
      throw new GleanerError(
        "BAD_REQUEST",
        `--output ${output}: ${quoted(`${name}${errorSuffix}`)} is the result of an input and the name for an error of ${quoted(name)}: rename one of the inputs, or write lines into a file`,
      );
}

/** Whatever names lead there; a terminal may be both. */
function isSameFile(output: string, inputs: string): boolean {
  const to = existsSync(output) ? statSync(output) : undefined;
  const from = inputs === "-" ? fstatSync(0) : statSync(inputs, { throwIfNoEntry: false });
  return to?.isCharacterDevice() === false && to.dev === from?.dev && to.ino === from.ino;
}

/** As a line of the output has it: a result in JSON keeps its digits. */
export function lineOf(result: EndedResult, label: Label = {}): string {
  const { index, id, ok } = result;
  const head = JSON.stringify({ index, ...label, id, ok }).slice(0, -1);
  const rest = result.ok ? shown(result) : `"error":${JSON.stringify(result.error)}`;
  return escapedJson(`${head},${rest}}`);
}

/** Between the tokens of JSON a line break is a space like any other. */
const oneLine = (text: string): string => text.replace(/[\r\n]+/g, " ").trim();

function shown({ contentType, body }: Extract<EndedResult, { ok: true }>): string {
  if (typeof body !== "string") return `"base64":"${Buffer.from(body).toString("base64")}"`;
  return `"value":${isJson(contentType, body) ? oneLine(body) : JSON.stringify(body)}`;
}

/** What a worker calls JSON may be none. */
function isJson(contentType: string, text: string): boolean {
  if (!/^application\/json\b/.test(contentType)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

class Lines implements ResultWriter {
  private failure: Error | null = null;

  constructor(private readonly stream: NodeJS.WritableStream) {
    if (stream !== standardOutput())
      stream.on("error", (error) => {
        this.failure = error;
      });
  }

  async write(result: EndedResult, label: Label): Promise<void> {
    if (this.failure !== null) throw this.failure;
    if (!this.stream.write(`${lineOf(result, label)}\n`)) await once(this.stream, "drain");
  }

  async close(): Promise<void> {
    if (this.stream === standardOutput()) return;
    this.stream.end();
    if (this.failure === null) await once(this.stream, "finish");
    if (this.failure !== null) throw this.failure;
  }
}

class Files implements ResultWriter {
  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true });
  }

  async write(result: EndedResult, { input, retryOf }: Label): Promise<void> {
    const name = input ?? retryOf ?? String(result.index);
    const file = (suffix: string) => join(this.folder, `${name}${suffix}`);
    if (!result.ok) writeFileSync(file(errorSuffix), `${JSON.stringify(result.error, null, 2)}\n`);
    else writeFileSync(file(input === undefined ? suffixOf(result) : ""), result.body);
  }

  async close(): Promise<void> {}
}

function suffixOf({ contentType, body }: Extract<EndedResult, { ok: true }>): string {
  if (typeof body !== "string") return ".bin";
  return isJson(contentType, body) ? ".json" : ".txt";
}
