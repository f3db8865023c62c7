// Inputs and results of calls on their way between gleanerd and workers; large ones travel in
// pieces, of which memory holds a few.

import { createHash } from "node:crypto";
import {
  type CallAnswer,
  isStored,
  type StoredPayload,
  storedResult,
} from "../../../model/call.js";
import { messageOf } from "../../../model/errors.js";
import type { FetchLogMessage, PieceMessage, WantedPiece } from "../../../wire/calls.js";
import type { AttemptKey, CallAttemptOrder, ExecutorMessage } from "../../../wire/messages.js";
import { PieceRequests } from "../../../wire/piece-requests.js";
import type { Input } from "../../../workers/outgoing.js";
import { ResultSink } from "./result-sink.js";
import { RunningLogs } from "./running-logs.js";
import { Spool, type SpoolFile } from "./spool.js";

export class Payloads {
  /** gleanerd may be away, and is asked again when it is back. */
  private readonly requests = new PieceRequests(null);
  private readonly spool: Spool;
  readonly logs: RunningLogs;

  /**
   * `openFile`: for a large result that waits (see Spool); `say` tells gleanerd, if it is there;
   * `giveWay`: see ResultSink.
   */
  constructor(
    openFile: () => Promise<SpoolFile>,
    private readonly say: (message: ExecutorMessage) => void,
    private readonly giveWay: (thrown: unknown) => Promise<void>,
  ) {
    this.spool = new Spool(openFile);
    this.logs = new RunningLogs(say);
  }

  /** As the worker gets it; a large one is fetched while it is sent. */
  inputOf(order: CallAttemptOrder): Input {
    const { input } = order.command;
    if (!isStored(input)) return input.body;
    return { bytes: input.bytes, pieces: this.fetch(order, input) };
  }

  sinkFor(key: AttemptKey): ResultSink {
    return new ResultSink((bytes) => this.spool.create(key, bytes), this.giveWay);
  }

  heard(message: PieceMessage | FetchLogMessage): void {
    if (message.type === "fetchPiece") void this.supply(message);
    else if (message.type === "fetchLog") this.logs.tell(message.key);
    else this.requests.arrived(message);
  }

  /** Called on each connection. */
  connected(): void {
    this.requests.repeat();
  }

  /** A large result stays until it is recorded; nobody wants one that does not count. */
  ended(key: AttemptKey, answer: CallAnswer | undefined): void {
    if (storedResult(answer) === null) this.forget(key);
  }

  forget(key: AttemptKey): void {
    this.spool.forget(key);
  }

  private async supply({ key, offset, wantedBytes }: WantedPiece): Promise<void> {
    try {
      const bytes = await this.spool.read(key, offset, wantedBytes);
      if (bytes !== null) this.say({ type: "piece", key, offset, bytes });
      else this.say({ type: "noPiece", key, reason: "there is no such part of a result" });
    } catch (thrown) {
      this.say({ type: "noPiece", key, reason: messageOf(thrown) });
    }
  }

  /** The last piece comes only if the hash is right: no handler runs with a damaged input. */
  private async *fetch(
    { invocation, attempt }: AttemptKey,
    { blob, bytes }: StoredPayload,
  ): AsyncGenerator<Uint8Array> {
    const hash = createHash("sha256");
    let held: Uint8Array | null = null;
    const ask = (wanted: WantedPiece) => this.say({ type: "fetchPiece", ...wanted });
    for await (const piece of this.requests.read({ invocation, attempt }, bytes, ask)) {
      if (held !== null) yield held;
      hash.update(piece);
      held = piece;
    }
    if (hash.digest("hex") !== blob)
      throw new Error("it does not have the hash that was announced");
    if (held !== null) yield held;
  }
}
