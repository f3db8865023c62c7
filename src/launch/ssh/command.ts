// Runs one command on an open ssh connection, with limits on its time and on what it prints.

import type { Client, ClientChannel } from "ssh2";
import { GleanerError } from "../../model/errors.js";

export interface CommandResult {
  /** null: a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Our commands print some hundred bytes; a shell's greeting may come on top. */
const maxOutputBytes = 64 * 1024;

/** A command that was started. */
export interface Begun {
  /** Hands it its input and waits for its end; rejects with code LAUNCH. */
  finish(input: string | Buffer, limitMs: number): Promise<CommandResult>;
}

/** Starts a command; an error that is no GleanerError means that the connection is dead and nothing was started. */
export function begin(
  client: Client,
  address: string,
  command: string,
  limitMs: number,
): Promise<Begun> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(tooSlow(address, limitMs)), limitMs);
    try {
      client.exec(command, (error, channel) => {
        clearTimeout(limit);
        if (error) reject(error);
        else resolve(attend(channel, address));
      });
    } catch (thrown) {
      clearTimeout(limit);
      reject(thrown);
    }
  });
}

/** Listens from the first instant: a quick command's end comes in one packet with its start. */
function attend(channel: ClientChannel, address: string): Begun {
  const stdout = collect(channel);
  const stderr = collect(channel.stderr);
  let status: number | null | undefined;
  channel.once("exit", (code: number | null) => {
    status = code;
  });
  // A command that ends before it has read everything; its status tells.
  channel.on("error", () => {});
  const ended = new Promise<CommandResult | null>((resolve) =>
    channel.once("close", () =>
      resolve(status === undefined ? null : { status, stdout: stdout(), stderr: stderr() }),
    ),
  );
  return {
    finish: (input, limitMs) =>
      new Promise((resolve, reject) => {
        const limit = setTimeout(() => reject(tooSlow(address, limitMs)), limitMs);
        void ended.then((result) => {
          clearTimeout(limit);
          if (result === null) reject(broken(address));
          else resolve(result);
        });
        channel.end(input);
      }),
  };
}

/** Reads all, keeps the first maxOutputBytes. */
function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let room = maxOutputBytes;
  stream.on("data", (chunk: Buffer) => {
    if (room > 0) chunks.push(chunk.subarray(0, room));
    room -= chunk.length;
  });
  return () => Buffer.concat(chunks).toString("utf8");
}

function tooSlow(address: string, limitMs: number): GleanerError {
  return new GleanerError(
    "LAUNCH",
    `A command on ${address} did not end within ${limitMs} ms: look whether the node is overloaded.`,
  );
}

function broken(address: string): GleanerError {
  return new GleanerError(
    "LAUNCH",
    `The ssh connection to ${address} broke while a command ran: it is tried again.`,
  );
}
