// Holds a lease for a program that speaks no HTTP: it reads which workers the lease has, and has
// calls made through gleanerd while no worker can be reached.

import type { Readable, Writable } from "node:stream";
import { GleanerError, messageOf } from "../../model/errors.js";
import type { LeaseView } from "../../wire/api/types.js";
import { encodeFields } from "../../wire/worker/fields.js";
import { FrameCutter, wholeFrames } from "../../wire/worker/framing.js";
import type { GleanerClient } from "../client.js";
import { HeldCalls } from "./held-calls.js";
import { type HoldFrame, holdFormat } from "./hold-frames.js";
import { keepLease } from "./keeper.js";
import type { LeaseOptions } from "./options.js";

/**
 * Resolves at a bye, at the end of the input, or once the lease has ended by itself and no call is
 * under way. Rejects with PROTOCOL if the input is not frames.
 */
export async function holdLease(
  client: GleanerClient,
  options: LeaseOptions,
  input: Readable,
  output: Writable,
): Promise<void> {
  let onEnded: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    onEnded = resolve;
  });
  let isOver = false;
  const endIfIdle = () => {
    if (isOver && calls.count === 0) onEnded();
  };
  const calls = new HeldCalls(client, options.function, output, endIfIdle);
  const keeper = await keepLease(client.leases, options, (lease) => {
    calls.timeLimitMs = lease.timeLimitMs;
    output.write(Buffer.concat(framesOf(lease)));
    isOver = lease.state === "ENDED";
    endIfIdle();
  });
  const left = readFrames(input, (frame) => {
    if (frame.type === "bye") onEnded();
    else if (frame.type === "call") calls.make(frame);
    else if (frame.type === "cancel") calls.cancel(frame.id);
  });
  try {
    await Promise.race([ended, left]);
  } finally {
    input.destroy();
    await Promise.all([calls.cancelAll(), keeper.end()]);
  }
}

function framesOf({ revision, state, reason, workers }: LeaseView): Buffer[] {
  const said = { revision, state, reason: reason ?? undefined, workers: workers.length };
  const endpoints = workers.map(({ worker, host, port, socket, hostId, key, state }) => {
    const fields = { worker, host, port, socket, hostId, key: key ?? undefined, state };
    return holdFormat.encodeFrame("endpoint", 0, encodeFields(fields));
  });
  return [holdFormat.encodeFrame("lease", 0, encodeFields(said)), ...endpoints];
}

async function readFrames(input: Readable, take: (frame: HoldFrame) => void): Promise<void> {
  const reader = new FrameCutter(holdFormat, wholeFrames(take as never));
  try {
    for await (const piece of input) reader.push(piece as Buffer);
  } catch (cause) {
    const message = `standard input has no frames of a lease: ${messageOf(cause)}`;
    throw new GleanerError("PROTOCOL", message, { cause });
  }
}
