// Holds a lease for a program that speaks no HTTP: it reads on one pipe which workers the lease
// has, and may have calls made through gleanerd on the other one.

import type { Readable, Writable } from "node:stream";
import { GleanerError, messageOf } from "../../model/errors.js";
import { maxWaitMs } from "../../wire/api/limits.js";
import { payloadOf } from "../../wire/api/payloads.js";
import type { LeaseView } from "../../wire/api/types.js";
import { encodeFields } from "../../wire/worker/fields.js";
import { type Frame, frameRules } from "../../wire/worker/frame.js";
import { FrameCutter, FrameFormat, fieldsRule, wholeFrames } from "../../wire/worker/framing.js";
import { maxFieldsBytes } from "../../wire/worker/limits.js";
import { decodeCallHead, encodeContentType, encodeError } from "../../wire/worker/messages.js";
import { contentIn, sendable } from "../calls/contents.js";
import { FunctionError, resultOf } from "../calls/errors.js";
import { Content } from "../calls/payloads.js";
import type { GleanerClient } from "../client.js";
import { randomUuid } from "../random.js";
import { patiently } from "../repeat.js";
import { keepLease } from "./keeper.js";
import type { LeaseOptions } from "./options.js";

const { call, result, error, bye } = frameRules;
const format = new FrameFormat({
  ...{ call, result, error, bye },
  lease: fieldsRule(50, "none", maxFieldsBytes),
  endpoint: fieldsRule(51, "none", maxFieldsBytes),
});

/**
 * Resolves once the lease has ended: by itself, by a bye, or at the end of the input. Rejects with
 * PROTOCOL if the input is not frames.
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
  const tell = (lease: LeaseView): void => {
    output.write(Buffer.concat(framesOf(lease)));
    if (lease.state === "ENDED") onEnded();
  };
  const keeper = await keepLease(client.leases, options, tell);
  const left = readFrames(input, (frame) => {
    if (frame.type === "bye") onEnded();
    else if (frame.type === "call") void answer(client, options.function, frame, output);
  });
  try {
    await Promise.race([ended, left]);
  } finally {
    input.destroy();
    await keeper.end();
  }
}

function framesOf({ revision, state, reason, workers }: LeaseView): Buffer[] {
  const said = { revision, state, reason: reason ?? undefined, workers: workers.length };
  const endpoints = workers.map(({ worker, host, port, socket, hostId, key, state }) => {
    const fields = { worker, host, port, socket, hostId, key: key ?? undefined, state };
    return format.encodeFrame("endpoint", 0, encodeFields(fields));
  });
  return [format.encodeFrame("lease", 0, encodeFields(said)), ...endpoints];
}

async function readFrames(input: Readable, take: (frame: Frame) => void): Promise<void> {
  const reader = new FrameCutter(format, wholeFrames(take as never));
  try {
    for await (const piece of input) reader.push(piece as Buffer);
  } catch (cause) {
    const message = `standard input has no frames of a lease: ${messageOf(cause)}`;
    throw new GleanerError("PROTOCOL", message, { cause });
  }
}

/** The last resort of a program none of whose workers can be reached. */
async function answer(
  client: GleanerClient,
  name: string,
  { id, metadata, payload }: Frame,
  output: Writable,
): Promise<void> {
  try {
    const { contentType, deadlineMs } = decodeCallHead(metadata);
    const limitMs = deadlineMs === 0 ? null : deadlineMs;
    const input = new Content(contentType, payload);
    const { type, bytes } = await resultBytes(client, name, input, limitMs);
    const head = format.encodeHead("result", id, encodeContentType(type), bytes.length);
    output.write(Buffer.concat([head, bytes]));
  } catch (thrown) {
    const told =
      thrown instanceof FunctionError
        ? { type: thrown.type, stack: thrown.remoteStack ?? "" }
        : { type: (thrown as { code?: string }).code ?? "FAILED", stack: "" };
    const error = { kind: "exception" as const, ...told, message: messageOf(thrown) };
    output.write(format.encodeFrame("error", id, encodeError(error)));
  }
}

async function resultBytes(
  client: GleanerClient,
  name: string,
  input: Content,
  timeLimitMs: number | null,
): Promise<{ readonly type: string; readonly bytes: Uint8Array }> {
  const asked = { requestId: randomUuid(), function: name, timeLimitMs, waitMs: 0 };
  const called = await client.call({ ...asked, input: await sendable(client.functions, input) });
  const id = String(called.id);
  for (;;) {
    const { outcomes } = await patiently(
      () => client.outcomes(id, { tasks: "0", waitMs: maxWaitMs }),
      `gleanerd did not answer for 10 minutes: call ${id} stays in its queue`,
    );
    const [end] = outcomes;
    if (end === undefined) continue;
    const fetched = await contentIn(client.functions, id, end.answer);
    if (end.answer?.kind !== "result") throw resultOf(id, end, fetched);
    const { payload } = end.answer;
    const stated = payloadOf(payload);
    return { type: payload.contentType, bytes: fetched ?? (stated as { body: Uint8Array }).body };
  }
}
