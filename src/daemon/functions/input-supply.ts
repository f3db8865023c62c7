// Sends large inputs to the nodes that have their calls, a piece at a time as they ask for it.

import type { Logger } from "pino";
import type { Store } from "../../core/ports/store.js";
import { LogRateLimit } from "../../limits/rate-limit.js";
import { KeyedSemaphores, Semaphore } from "../../limits/semaphore.js";
import { isStored, type StoredPayload } from "../../model/call.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import type { ExecutorId } from "../../model/ids.js";
import type { WantedPiece } from "../../wire/calls.js";
import type { Assignment } from "../state/assignments.js";
import type { ExecutorRecord, Line } from "../state/executor-record.js";
import type { UnrecordedCalls } from "../state/unrecorded.js";
import type { Blobs } from "./blobs.js";

/** Pieces in memory, over all nodes. */
const maxAtOnce = 16;
const maxOfNode = 4;
/** Each call asks for two pieces ahead. */
const maxWaitingOfNode = 4_096;

export interface InputSupplyDependencies {
  readonly store: Pick<Store, "inputOf">;
  readonly live: { readonly unrecorded: Pick<UnrecordedCalls, "get"> };
  readonly blobs: Pick<Blobs, "read">;
  readonly log: Logger;
}

class NotOrderedError extends GleanerError {
  constructor() {
    super("NOT_FOUND", "this call is not ordered on this node");
  }
}

export class InputSupply {
  private readonly turns = new Semaphore(maxAtOnce);
  private readonly ofNodes = new KeyedSemaphores<ExecutorId>(maxOfNode, {
    most: maxWaitingOfNode,
    refusal: "too many pieces of inputs were asked for at once",
  });
  private readonly inputs = new WeakMap<Assignment, StoredPayload>();
  private readonly refused = new LogRateLimit();
  private readonly unordered = new LogRateLimit();

  constructor(private readonly deps: InputSupplyDependencies) {}

  /** A node gets only the inputs of calls that it was ordered to run. */
  async supply(record: ExecutorRecord, wanted: WantedPiece): Promise<void> {
    const { line } = record;
    if (line === null) return;
    const { key } = wanted;
    try {
      await this.ofNodes.run(record.id, () =>
        this.turns.run(() => this.send(line, record, wanted)),
      );
    } catch (thrown) {
      const reason = messageOf(thrown);
      const { node } = record;
      // A node that goes on with a call of an earlier gleanerd asks for its input, and is told.
      const [level, lines] =
        thrown instanceof NotOrderedError
          ? (["info", this.unordered] as const)
          : (["error", this.refused] as const);
      lines.say((suppressed) =>
        this.deps.log[level]({ ...key, node, reason, suppressed }, "cannot send an input"),
      );
      line.send({ type: "noPiece", key, reason });
    }
  }

  /** A node that reads slowly gets the next piece once it has read the one before. */
  private async send(
    line: Line,
    record: ExecutorRecord,
    { key, offset, wantedBytes }: WantedPiece,
  ): Promise<void> {
    const assignment = record.attempts.get(key.invocation);
    if (assignment?.attempt !== key.attempt) throw new NotOrderedError();
    const { blob, bytes } = await this.inputOf(assignment);
    if (offset + wantedBytes > bytes)
      throw new GleanerError("NOT_FOUND", `the input has only ${bytes} bytes`);
    const carried = this.deps.live.unrecorded.get(key.invocation)?.input?.body;
    const piece =
      carried?.subarray(offset, offset + wantedBytes) ??
      (await this.deps.blobs.read(blob, offset, wantedBytes));
    line.send({ type: "piece", key, offset, bytes: piece });
    await line.flushed?.();
  }

  private async inputOf(assignment: Assignment): Promise<StoredPayload> {
    const known = this.inputs.get(assignment);
    if (known !== undefined) return known;
    const { invocation } = assignment;
    const call = this.deps.live.unrecorded.get(invocation);
    const input = call?.namedInput ?? (await this.deps.store.inputOf(invocation));
    if (input === null || !isStored(input))
      throw new GleanerError("NOT_FOUND", "the input of this call is in its order");
    this.inputs.set(assignment, input);
    return input;
  }
}
