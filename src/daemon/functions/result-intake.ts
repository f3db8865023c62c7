// Takes large results from nodes before their ends are recorded: gleanerd asks for each piece, and
// writes it to its disk before it asks for many more.

import type { Logger } from "pino";
import { pause } from "../../clock.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import { KeyedSemaphores, Semaphore } from "../../limits/semaphore.js";
import { type StoredPayload, storedResult } from "../../model/call.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import type { ExecutorId } from "../../model/ids.js";
import type { AttemptKey, AttemptReport } from "../../wire/messages.js";
import type { ExecutorRecord } from "../state/executor-record.js";
import { type Blobs, DifferentContentError } from "./blobs.js";
import { QuotaError } from "./quota.js";

/** Results on their way, over all nodes: each takes two pieces in memory. */
const maxAtOnce = 16;
const maxOfNode = 4;
/** A full disk is not repaired sooner. */
const retryMs = 1_000;

export interface ResultIntakeDependencies {
  readonly blobs: Pick<Blobs, "writeResult">;
  readonly log: Logger;
  readonly distrust: (record: ExecutorRecord, what: string) => void;
}

/** How an attempt ended, as its node reports it. */
type End = AttemptKey & Pick<AttemptReport, "answer" | "end" | "exitCode" | "reason">;

export class ResultIntake {
  private readonly turns = new Semaphore(maxAtOnce);
  private readonly ofNodes = new KeyedSemaphores<ExecutorId>(maxOfNode);
  private readonly unkept = new LogRateLimit();

  constructor(private readonly deps: ResultIntakeDependencies) {}

  /**
   * Resolves with the facts once the result is on disk; if its user has no room for it, with a
   * failure that says so. While the disk is full, the result stays on its node. Rejects if the node
   * is gone or has stopped sending: it will report the end again.
   */
  async keep<Facts extends End>(record: ExecutorRecord, uid: number, facts: Facts): Promise<Facts> {
    const result = storedResult(facts.answer);
    if (result === null) return facts;
    for (;;) {
      try {
        await this.ofNodes.run(record.id, () =>
          this.turns.run(() => this.take(record, uid, facts, result)),
        );
        return facts;
      } catch (error) {
        if (error instanceof QuotaError) return failed(facts, result, error.message);
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

  private async take(
    record: ExecutorRecord,
    uid: number,
    { invocation, attempt }: AttemptKey,
    { blob, bytes }: StoredPayload,
  ): Promise<void> {
    const { line } = record;
    if (line === null) throw new GleanerError("UNREACHABLE", "its executor is not connected");
    const key = { invocation, attempt };
    const pieces = record.pieces.read(key, bytes, (wanted) => {
      line.send({ type: "fetchPiece", ...wanted });
    });
    await this.deps.blobs.writeResult(uid, { sha256: blob, bytes }, pieces);
  }
}

/** What was done is billed all the same. */
function failed<Facts extends End>(facts: Facts, { bytes }: StoredPayload, why: string): Facts {
  const reason = `its result of ${bytes} bytes could not be kept: ${why}`;
  return { ...facts, answer: undefined, end: "FAILED", exitCode: 1, reason };
}

const isCode = (error: unknown, code: GleanerError["code"]): boolean =>
  error instanceof GleanerError && error.code === code;
