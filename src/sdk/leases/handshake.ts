// The client's half of the handshake: the worker proves the lease's key first.

import type { LeaseEndpoint } from "../../wire/api/types.js";
import type { DirectType } from "../../wire/direct/frame.js";
import {
  type Accepted,
  decodeAccepted,
  decodeRefused,
  decodeWorkerHello,
  encodeClientHello,
  encodeClientProof,
} from "../../wire/direct/messages.js";
import { type Challenge, isProof, newNonce, proofOf } from "../../wire/direct/proofs.js";

export class ClientHandshake {
  private readonly key: Buffer;
  private readonly clientNonce = newNonce();
  private isProven = false;

  constructor(
    private readonly endpoint: Pick<LeaseEndpoint, "worker" | "key">,
    private readonly send: (type: DirectType, payload: Buffer) => void,
  ) {
    this.key = Buffer.from(endpoint.key ?? "", "hex");
  }

  begin(): void {
    const { worker } = this.endpoint;
    this.send("clientHello", encodeClientHello({ worker, nonce: this.clientNonce }));
  }

  /** What the worker grants, once it does; throws if it is not the lease's worker, or refuses. */
  take(type: DirectType, payload: Buffer): Accepted | null {
    if (type === "refused") throw new Error(`it refused: ${decodeRefused(payload).reason}`);
    if (type === "accepted" && this.isProven) return decodeAccepted(payload);
    if (type !== "workerHello" || this.isProven) throw new Error(`it sent ${type} too early`);
    const { nonce, proof } = decodeWorkerHello(payload);
    const { worker } = this.endpoint;
    const challenge: Challenge = { worker, clientNonce: this.clientNonce, workerNonce: nonce };
    if (!isProof(proof, "worker", this.key, challenge))
      throw new Error("it does not know the lease's key: something else listens there");
    this.isProven = true;
    this.send("clientProof", encodeClientProof(proofOf("client", this.key, challenge)));
    return null;
  }
}
