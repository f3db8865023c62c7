// The client's part of a run's handshake. A peer that says anything else is cut off without a word.

import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { encodeRunFrame, maxPayloadBytes, RunFrameDecoder } from "../../wire/run/frames.js";
import { isSameProof, type Nonces, noncePattern, runProof } from "../../wire/run/proof.js";
import { decodeFields, encodeFields } from "../../wire/worker/fields.js";

/** A node that has proven itself. It says nothing more until it is accepted. */
export interface Arrival {
  readonly attempt: number;
  readonly socket: Socket;
  readonly decoder: RunFrameDecoder;
}

/** Calls `onProven` at most once; a connection that fails is destroyed. */
export function awaitProof(
  socket: Socket,
  invocation: string,
  key: Buffer,
  onProven: (arrival: Arrival) => void,
): void {
  const decoder = new RunFrameDecoder();
  let said: { readonly attempt: string; readonly nonces: Nonces } | null = null;
  const onData = (piece: Buffer): void => {
    try {
      for (const { type, payload } of decoder.push(piece)) {
        const fields = decodeFields(payload);
        if (type === "hello" && said === null) {
          said = greeted(fields, invocation);
          const { attempt, nonces } = said;
          const proof = runProof(key, "client", attempt, nonces);
          const told = encodeFields({ nonce: nonces.client, proof });
          socket.write(encodeRunFrame("clientProof", 0, told));
        } else if (type === "nodeProof" && said !== null) {
          const { attempt, nonces } = said;
          if (!isSameProof(fields.proof ?? "", runProof(key, "node", attempt, nonces)))
            throw new Error("a wrong proof");
          socket.removeListener("data", onData);
          socket.pause();
          decoder.limitBytes = maxPayloadBytes;
          onProven({ attempt: Number(attempt.split(".")[1]), socket, decoder });
          return;
        } else throw new Error(`an unexpected frame ${type}`);
      }
    } catch {
      // Whoever it is, it is not the node: it learns nothing, and the node may still come.
      socket.destroy();
    }
  };
  socket.on("data", onData);
  socket.resume();
}

function greeted(fields: ReturnType<typeof decodeFields>, invocation: string) {
  const { version, attempt = "", nonce = "" } = fields;
  const isOurs = attempt.startsWith(`${invocation}.`) && /^\d{1,10}\.\d{1,6}$/.test(attempt);
  if (version !== "1" || !isOurs || !noncePattern.test(nonce)) throw new Error("a wrong hello");
  return { attempt, nonces: { node: nonce, client: randomBytes(32).toString("hex") } };
}
