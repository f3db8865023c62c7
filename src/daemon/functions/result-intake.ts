// Takes large results from nodes before their ends are recorded: gleanerd asks for each piece, and
// writes it to its disk before it asks for many more. The result of a call whose client waits for
// it is taken into memory, if there is room.

import type { Logger } from "pino";
import { pause } from "../../clock.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import { KeyedSemaphores, Semaphore } from "../../limits/semaphore.js";
import { type StoredPayload, storedResult } from "../../model/call.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import type { ExecutorId } from "../../model/ids.js";
import { maxCarriedBytes } from "../../wire/api/call-frames.js";
import type { AttemptKey, AttemptReport } from "../../wire/messages.js";
import type { Carried } from "../carried/carried.js";
import type { CarriedMemory } from "../carried/memory.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import type { UnrecordedCalls } from "../state/unrecorded.js";
import { type Blobs, DifferentContentError } from "./blobs.js";
import { QuotaError } from "./quota.js";

/** Results on their way, over all nodes: each takes two pieces in memory, or has its own. */
const maxAtOnce = 16;
const maxOfNode = 4;
/** A full disk is not repaired sooner. */
const retryMs = 1_000;

export interface ResultIntakeDependencies {
  readonly blobs: Pick<Blobs, "writeResult" | "carry">;
  readonly live: { readonly unrecorded: Pick<UnrecordedCalls, "get"> };
  readonly carriedMemory: Pick<CarriedMemory, "take">;
  readonly log: Logger;
  readonly distrust: (record: ExecutorRecord, what: string) => void;
}

/** How an attempt ended, as its node reports it. */
type End = AttemptKey & Pick<AttemptReport, "answer" | "end" | "exitCode" | "reason">;

export interface Taken<Facts> {
  readonly facts: Facts;
  /** The result, if it is in memory and not yet on disk. */
  readonly content: Carried | null;
}

export class ResultIntake {
  private readonly turns = new Semaphore(maxAtOnce);
  private readonly ofNodes = new KeyedSemaphores<ExecutorId>(maxOfNode);
  private readonly unkept = new LogRateLimit();

  constructor(private readonly deps: ResultIntakeDependencies) {}

  /**
   * Resolves with the facts once the result is on disk, or in memory; if its user has no room for
   * it, with a failure that says so. While the disk is full, the result stays on its node. Rejects
   * if the node is gone or has stopped sending: it will report the end again.
   */
  async take<Facts extends End>(
    record: ExecutorRecord,
    uid: number,
    facts: Facts,
  ): Promise<Taken<Facts>> {
    const result = storedResult(facts.answer);
    if (result === null) return { facts, content: null };
    for (;;) {
      try {
        const content = await this.ofNodes.run(record.id, () =>
          this.turns.run(() => this.receive(record, uid, facts, result)),
        );
        return { facts, content };
      } catch (error) {
        if (error instanceof QuotaError)
          return { facts: failed(facts, result, error.message), content: null };
        if (error instanceof DifferentContentError || isCode(error, "PROTOCOL"))
          this.deps.distrust(record, `its result is not what it announced: ${messageOf(error)}`);
        if (!isCode(error, "LIMIT_REACHED")) throw error;
        this.unkept.say((suppressed) =>
          this.deps.log.error(
            { invocation: facts.invocation, cause: messageOf(error), suppressed },
            "cannot keep a result: it stays on its node until there is room",
          ),
        );
        await pause(retryMs);
      }
    }
  }

  private async receive(
    record: ExecutorRecord,
    uid: number,
    { invocation, attempt }: AttemptKey,
    { contentType, blob, bytes }: StoredPayload,
  ): Promise<Carried | null> {
    const { line } = record;
    if (line === null) throw new GleanerError("UNREACHABLE", "its executor is not connected");
    const key = { invocation, attempt };
    const pieces = record.pieces.read(key, bytes, (wanted) => {
      line.send({ type: "fetchPiece", ...wanted }, true);
    });
    const { blobs, live, carriedMemory } = this.deps;
    const isAwaited = bytes <= maxCarriedBytes && live.unrecorded.get(invocation) !== undefined;
    const giveBack = isAwaited ? carriedMemory.take(uid, bytes) : null;
    if (giveBack === null) {
      await blobs.writeResult(uid, { sha256: blob, bytes }, pieces);
      return null;
    }
    try {
      const body = await wholeOf(pieces, bytes);
      return await blobs.carry(uid, { contentType, body, resultHash: blob }, giveBack);
    } catch (thrown) {
      giveBack();
      throw thrown;
    }
  }
}

/** The pieces together, which have as many bytes. */
async function wholeOf(pieces: AsyncIterable<Uint8Array>, bytes: number): Promise<Buffer> {
  const whole = Buffer.allocUnsafe(bytes);
  let at = 0;
  for await (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** What was done is billed all the same. */
function failed<Facts extends End>(facts: Facts, { bytes }: StoredPayload, why: string): Facts {
  const reason = `its result of ${bytes} bytes could not be kept: ${why}`;
  return { ...facts, answer: undefined, end: "FAILED", exitCode: 1, reason };
}

const isCode = (error: unknown, code: GleanerError["code"]): boolean =>
  error instanceof GleanerError && error.code === code;
