// gleanerd's side of large inputs and results for tests: hands out pieces, and asks for them.

import { createHash } from "node:crypto";
import { type StoredPayload, storedResult } from "../../../src/model/call.js";
import { blobHash } from "../../../src/model/ids.js";
import type { WantedPiece } from "../../../src/wire/calls.js";
import type { AttemptReport, CallAttemptOrder } from "../../../src/wire/messages.js";
import type { FakeDaemon } from "./executor.js";

const pieceBytes = 512 * 1024;

export const hashOf = (bytes: Uint8Array) =>
  blobHash(createHash("sha256").update(bytes).digest("hex"));

/** The order with this content as its input, which travels in pieces. */
export function withInput(order: CallAttemptOrder, bytes: Uint8Array): CallAttemptOrder {
  const contentType = "application/octet-stream";
  const input: StoredPayload = { contentType, blob: hashOf(bytes), bytes: bytes.length };
  return { ...order, command: { ...order.command, input } };
}

/** Answers the requests for pieces from `first` on until the last one was answered. */
export async function handOutInput(
  daemon: FakeDaemon,
  content: Uint8Array,
  until = content.length,
  first = 0,
): Promise<void> {
  for (let offset = first; offset < until; ) {
    const { key, wantedBytes } = await wanted(daemon, offset);
    const bytes = content.subarray(offset, offset + wantedBytes);
    daemon.send({ type: "piece", key, offset, bytes });
    offset += wantedBytes;
  }
}

const wanted = (daemon: FakeDaemon, offset: number): Promise<WantedPiece> =>
  daemon.hears("fetchPiece", (message) => message.offset === offset);

/** Fetches the large result of a report. */
export async function takeResult(daemon: FakeDaemon, report: AttemptReport): Promise<Buffer> {
  const { bytes } = storedResult(report.answer)!;
  const { invocation, attempt } = report;
  const key = { invocation, attempt };
  const pieces: Uint8Array[] = [];
  for (let offset = 0; offset < bytes; offset += pieceBytes) {
    const wantedBytes = Math.min(pieceBytes, bytes - offset);
    const after = daemon.heard.length;
    daemon.send({ type: "fetchPiece", key, offset, wantedBytes });
    const isIt = (message: { offset: number }) => message.offset === offset;
    pieces.push((await daemon.hears("piece", isIt, after)).bytes);
  }
  return Buffer.concat(pieces);
}
