// A connection until its peer has proven the lease's key: few bytes, little time, no way to a call.

import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import {
  type DirectType,
  encodeDirectFrame,
  maxHandshakeBytes,
} from "../../../wire/direct/frame.js";
import {
  decodeClientHello,
  decodeClientProof,
  encodeRefused,
  encodeWorkerHello,
  type Refusal,
} from "../../../wire/direct/messages.js";
import type { Outbox } from "../../../wire/direct/outbox.js";
import { type Challenge, isProof, newNonce, proofOf } from "../../../wire/direct/proofs.js";
import { DirectReader, type ReceivedFrame } from "../../../wire/direct/reader.js";
import { FrameError } from "../../../wire/worker/framing.js";
import { readInto } from "./read-into.js";

export interface Secret {
  readonly worker: string;
  readonly key: Uint8Array;
}

const keyBytes = 32;

/** Node cannot read the peer's uid of a Unix socket: there too, only the key proves anything. */
export class Newcomer {
  private readonly reader = new DirectReader((frame) => this.onFrame(frame), maxHandshakeBytes);
  /** What is proven, and under which key. */
  private challenge: Challenge | null = null;
  private key: Uint8Array;
  private onFrame = ({ type, payload }: ReceivedFrame): void => this.handshake(type, payload);
  private outbox: Outbox | null = null;
  readonly socket: Socket;

  constructor(
    accepted: Socket,
    private readonly secret: Secret,
    private readonly onProven: () => void,
  ) {
    this.key = secret.key;
    this.socket = readInto(accepted, {
      buffer: () => this.reader.space(),
      callback: (bytes, space) => this.arrived(bytes, space),
    });
    this.socket.on("error", () => this.socket.destroy());
  }

  /** Whoever takes the connection over reads on where this stopped; answers leave together. */
  handOver(take: (frame: ReceivedFrame) => void, outbox: Outbox): void {
    this.onFrame = take;
    this.outbox = outbox;
    outbox.hold();
    this.reader.limitBytes = Number.POSITIVE_INFINITY;
  }

  refuse(code: Refusal, reason: string): void {
    this.onFrame = () => {};
    if (!this.socket.writable) return;
    this.socket.write(encodeDirectFrame("refused", 0, encodeRefused({ code, reason })));
    this.socket.destroySoon();
  }

  private arrived(bytes: number, space: Buffer): boolean {
    this.outbox?.hold();
    try {
      this.reader.arrived(bytes, space);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.refuse("PROTOCOL", error.message);
    }
    this.outbox?.release();
    return true;
  }

  private handshake(type: DirectType, payload: Buffer): void {
    if (type === "clientHello" && this.challenge === null) this.answer(payload);
    else if (type === "clientProof" && this.challenge !== null) this.check(payload);
    else this.refuse("PROTOCOL", `a handshake has no ${type} here`);
  }

  /** For another worker's name under a key that nobody has: a stranger learns nothing of names. */
  private answer(payload: Buffer): void {
    const { worker, nonce } = decodeClientHello(payload);
    if (worker !== this.secret.worker) this.key = randomBytes(keyBytes);
    this.challenge = { worker, clientNonce: nonce, workerNonce: newNonce() };
    const hello = {
      nonce: this.challenge.workerNonce,
      proof: proofOf("worker", this.key, this.challenge),
    };
    this.socket.write(encodeDirectFrame("workerHello", 0, encodeWorkerHello(hello)));
  }

  private check(payload: Buffer): void {
    if (isProof(decodeClientProof(payload), "client", this.key, this.challenge!)) this.onProven();
    else this.refuse("NOT_PROVEN", "the proof is not one of this worker's key");
  }
}
