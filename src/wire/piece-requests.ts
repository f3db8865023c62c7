// Reads inputs and results from the peer, piece by piece: few pieces are asked for ahead, so that
// memory holds no more than those.

import { clearTimeout, setTimeout, type Timer } from "../clock.js";
import { GleanerError } from "../model/errors.js";
import { type AttemptKey, attemptName } from "./attempt-key.js";
import { maxPieceBytes } from "./call-checks.js";
import type { PieceMessage, WantedPiece } from "./calls.js";

/** While one is used, the next one is on its way. */
const ahead = 2;

interface Reading {
  readonly ask: (wanted: WantedPiece) => void;
  /** Those that were asked for, by their offsets. */
  readonly wanted: Map<number, WantedPiece>;
  readonly arrived: Map<number, Uint8Array>;
  failure: GleanerError | null;
  wake: () => void;
}

type Answer = Exclude<PieceMessage, { type: "fetchPiece" }>;
type ArrivedPiece = Extract<PieceMessage, { type: "piece" }>;

export class PieceRequests {
  private readonly readings = new Map<string, Reading>();

  /** `limitMs`: how long a peer may take for a piece; null: as long as it wants. */
  constructor(private readonly limitMs: number | null) {}

  /** Throws a GleanerError if the peer has none, sends what was not asked for, or is gone. */
  async *read(
    key: AttemptKey,
    bytes: number,
    ask: Reading["ask"],
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const reading: Reading = {
      ask,
      wanted: new Map(),
      arrived: new Map(),
      failure: null,
      wake: () => {},
    };
    this.readings.set(attemptName(key), reading);
    try {
      for (let at = 0, asked = 0; at < bytes; ) {
        for (; asked < bytes && reading.wanted.size + reading.arrived.size < ahead; ) {
          const wantedBytes = Math.min(maxPieceBytes, bytes - asked);
          const wanted = { key, offset: asked, wantedBytes };
          reading.wanted.set(asked, wanted);
          ask(wanted);
          asked += wantedBytes;
        }
        const piece = await this.pieceAt(reading, at);
        at += piece.length;
        yield piece;
      }
    } finally {
      if (this.readings.get(attemptName(key)) === reading) this.readings.delete(attemptName(key));
    }
  }

  /**
   * What nobody waits for is dropped: its reader may have given up, or it was asked for on two
   * connections and has come twice.
   */
  arrived(message: Answer): void {
    const reading = this.readings.get(attemptName(message.key));
    if (reading === undefined) return;
    if (message.type === "noPiece")
      reading.failure ??= new GleanerError("NOT_FOUND", message.reason);
    else this.take(reading, message);
    reading.wake();
  }

  private take(reading: Reading, { offset, bytes }: ArrivedPiece): void {
    const wanted = reading.wanted.get(offset);
    if (wanted === undefined) return;
    if (wanted.wantedBytes === bytes.length) {
      reading.wanted.delete(offset);
      reading.arrived.set(offset, bytes);
      return;
    }
    const sentence = `a piece from ${offset} on has ${bytes.length} bytes, not ${wanted.wantedBytes}`;
    reading.failure ??= new GleanerError("PROTOCOL", sentence);
  }

  /** On a new connection: asks again for what did not arrive on the last one. */
  repeat(): void {
    for (const { ask, wanted } of this.readings.values())
      for (const each of wanted.values()) ask(each);
  }

  /** The peer is gone, and nothing will be asked again. */
  disconnected(): void {
    for (const reading of this.readings.values()) {
      reading.failure ??= new GleanerError("UNREACHABLE", "the connection was lost");
      reading.wake();
    }
  }

  private async pieceAt(reading: Reading, offset: number): Promise<Uint8Array> {
    let late: Timer | undefined;
    if (this.limitMs !== null)
      late = setTimeout(() => {
        const sentence = `no piece arrived within ${this.limitMs} ms`;
        reading.failure ??= new GleanerError("UNREACHABLE", sentence);
        reading.wake();
      }, this.limitMs);
    try {
      for (;;) {
        if (reading.failure !== null) throw reading.failure;
        const piece = reading.arrived.get(offset);
        if (piece !== undefined) {
          reading.arrived.delete(offset);
          return piece;
        }
        await new Promise<void>((wake) => {
          reading.wake = wake;
        });
      }
    } finally {
      clearTimeout(late);
    }
  }
}
