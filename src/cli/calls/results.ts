// The results of `glean map`: one line of JSON each, or one file each in a folder.

import { once } from "node:events";
import { createWriteStream, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FunctionError, type MapResult } from "../../sdk/index.js";

export interface ResultWriter {
  write(result: MapResult, label: Label): Promise<void>;
  close(): Promise<void>;
}

type Label = { readonly input?: string; readonly retryOf?: string };

/** A folder if it is one or ends with a slash; if omitted, standard output. */
export function writerOf(output: string | undefined): ResultWriter {
  if (output === undefined) return new Lines(process.stdout);
  if (output.endsWith("/") || (existsSync(output) && statSync(output).isDirectory()))
    return new Files(output);
  return new Lines(createWriteStream(output));
}

/** As a line of the output has it. */
export function lineOf(result: MapResult, label: Label = {}): object {
  const { index, id, ok } = result;
  const head = { index, ...label, id, ok };
  return result.ok
    ? { ...head, ...shown(result.value) }
    : { ...head, error: errorOf(result.error) };
}

const shown = (value: unknown): object =>
  value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : { value };

function errorOf(error: Extract<MapResult, { ok: false }>["error"]): object {
  const { code, message } = error;
  if (!(error instanceof FunctionError)) return { code, message };
  return { code, type: error.type, message, stack: error.remoteStack };
}

class Lines implements ResultWriter {
  private failure: Error | null = null;

  constructor(private readonly stream: NodeJS.WritableStream) {
    if (stream !== process.stdout)
      stream.on("error", (error) => {
        this.failure = error;
      });
  }

  async write(result: MapResult, label: Label): Promise<void> {
    if (this.failure !== null) throw this.failure;
    if (!this.stream.write(`${JSON.stringify(lineOf(result, label))}\n`))
      await once(this.stream, "drain");
  }

  async close(): Promise<void> {
    if (this.stream === process.stdout) return;
    this.stream.end();
    if (this.failure === null) await once(this.stream, "finish");
    if (this.failure !== null) throw this.failure;
  }
}

class Files implements ResultWriter {
  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true });
  }

  async write(result: MapResult, { input, retryOf }: Label): Promise<void> {
    const name = input ?? retryOf ?? String(result.index);
    const file = (suffix: string) => join(this.folder, `${name}${suffix}`);
    if (!result.ok)
      writeFileSync(file(".error.json"), `${JSON.stringify(errorOf(result.error), null, 2)}\n`);
    else if (result.value instanceof Uint8Array)
      writeFileSync(file(input === undefined ? ".bin" : ""), result.value);
    else if (typeof result.value === "string")
      writeFileSync(file(input === undefined ? ".txt" : ""), result.value);
    else writeFileSync(file(input === undefined ? ".json" : ""), JSON.stringify(result.value));
  }

  async close(): Promise<void> {}
}
