// Runs a command on an open ssh connection, with limits on its time and output.

import type { Client, ClientChannel } from "ssh2";
import { GleanerError } from "../../model/errors.js";

export interface CommandResult {
  /** null if a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Commands print some hundred bytes, possibly after a shell's greeting. */
const maxOutputBytes = 64 * 1024;

/** A started command. */
export interface Begun {
  /** Passes the input and waits for the end; rejects with LAUNCH. */
  finish(input: string | Buffer, limitMs: number): Promise<CommandResult>;
}

/** Starts a command; any error but a GleanerError means a dead connection and no command. */
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

/** Listens at once, since one packet may report both start and end of a quick command. */
function attend(channel: ClientChannel, address: string): Begun {
  const stdout = collect(channel);
  const stderr = collect(channel.stderr);
  let status: number | null | undefined;
  channel.once("exit", (code: number | null) => {
    status = code;
  });
  // The exit status decides about a command that ends before it has read its input.
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

/** Reads everything but keeps only the first maxOutputBytes. */
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
    `a command on ${address} did not end within ${limitMs} ms: check whether the node is overloaded`,
  );
}

function broken(address: string): GleanerError {
  return new GleanerError(
    "LAUNCH",
    `the ssh connection to ${address} broke while a command ran: gleanerd tries again`,
  );
}
