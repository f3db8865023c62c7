// The mutual proof before the first message: both sides know the secret, which is never sent.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { connect, isIP, type Socket } from "node:net";
import { GleanerError, messageOf } from "../model/errors.js";
import { type ExecutorId, executorId } from "../model/ids.js";
import { checkDaemonMessage, checkExecutorMessage } from "./checks.js";
import { Connection, type Timing } from "./connection.js";
import { FrameReader, frame } from "./frames.js";
import { type DaemonMessage, type ExecutorMessage, protocolVersion } from "./messages.js";
import { integer, object, oneOf, orNull, pattern, text } from "./shape.js";

/** Strangers may connect: limits their time and their bytes. */
export const handshakeMs = 5_000;
const maxHandshakeBytes = 1_024;
const nonceBytes = 32;

export type DaemonConnection = Connection<DaemonMessage, ExecutorMessage>;
export type ExecutorConnection = Connection<ExecutorMessage, DaemonMessage>;

const hex = pattern(/^[0-9a-f]{64}$/);
const hello = object({
  protocolVersion: integer(0),
  executor: pattern(/^[A-Za-z0-9._:-]{1,128}$/),
  nonce: hex,
});
const challenge = object({ refused: orNull(text(200)), nonce: hex, proof: hex });
const answer = object({ type: oneOf("proof"), proof: hex });

interface Nonces {
  readonly executor: string;
  readonly daemonNonce: string;
  readonly executorNonce: string;
}

/**
 * A value that only a holder of the secret can compute for these two nonces; `purpose` makes the
 * values distinct.
 */
function prove(secret: Buffer, purpose: "daemon" | "executor" | "session", nonces: Nonces): Buffer {
  const { executor, daemonNonce, executorNonce } = nonces;
  const what = [purpose, String(protocolVersion), daemonNonce, executorNonce, executor].join("|");
  return createHmac("sha256", secret).update(what).digest();
}

function isProof(proof: string, expected: Buffer): boolean {
  return timingSafeEqual(Buffer.from(proof, "hex"), expected);
}

/**
 * The daemon's side, on a newly accepted socket. `secretOf` returns the hex secret of an executor
 * that may connect, or null. Rejects with PROTOCOL, NOT_IDENTIFIED or UNREACHABLE after closing the
 * socket.
 */
export async function acceptExecutor(
  socket: Socket,
  secretOf: (executor: ExecutorId) => string | null,
  timing?: Timing,
): Promise<{ readonly executor: ExecutorId; readonly connection: DaemonConnection }> {
  return await withinLimits(socket, async (talk) => {
    const first = hello(await talk.read(), "the hello");
    if (first.protocolVersion !== protocolVersion) {
      const refused = `its protocol version is ${first.protocolVersion}, but gleanerd's is ${protocolVersion}: install the same release on both sides`;
      talk.write({ refused, nonce: "0".repeat(64), proof: "0".repeat(64) });
      throw new GleanerError("PROTOCOL", `refused an executor: ${refused}`);
    }
    const executor = executorId(first.executor);
    const known = secretOf(executor);
    // An unknown name gets a secret that nobody has, so that it is indistinguishable from a wrong
    // proof.
    const secret = known === null ? randomBytes(nonceBytes) : Buffer.from(known, "hex");
    const daemonNonce = randomBytes(nonceBytes).toString("hex");
    const nonces = { executor, daemonNonce, executorNonce: first.nonce };
    const proof = prove(secret, "daemon", nonces).toString("hex");
    talk.write({ refused: null, nonce: daemonNonce, proof });
    const reply = answer(await talk.read(), "the answer");
    if (!isProof(reply.proof, prove(secret, "executor", nonces)))
      throw new GleanerError("NOT_IDENTIFIED", `${executor} could not prove its identity`);
    const key = prove(secret, "session", nonces);
    const connection: DaemonConnection = new Connection<DaemonMessage, ExecutorMessage>(
      socket,
      talk.reader,
      key,
      "daemon",
      checkExecutorMessage,
      timing,
    );
    return { executor, connection };
  });
}

export interface DaemonAddress {
  readonly host: string;
  readonly port: number;
  readonly executor: ExecutorId;
  /** In hex. */
  readonly secret: string;
  /** In PEM; if omitted, the connection is not encrypted. */
  readonly ca?: string | undefined;
}

/**
 * The executor's side: connects and proves its identity. Rejects with UNREACHABLE, PROTOCOL or
 * NOT_IDENTIFIED.
 */
export async function connectToDaemon(
  address: DaemonAddress,
  timing?: Timing,
): Promise<ExecutorConnection> {
  const socket = await open(address);
  return await withinLimits(socket, async (talk) => {
    const secret = Buffer.from(address.secret, "hex");
    const executorNonce = randomBytes(nonceBytes).toString("hex");
    talk.write({ protocolVersion, executor: address.executor, nonce: executorNonce });
    const reply = challenge(await talk.read(), "the challenge");
    if (reply.refused !== null)
      throw new GleanerError("PROTOCOL", `gleanerd refused this executor: ${reply.refused}`);
    const nonces = { executor: address.executor, daemonNonce: reply.nonce, executorNonce };
    if (!isProof(reply.proof, prove(secret, "daemon", nonces)))
      throw new GleanerError("NOT_IDENTIFIED", "the peer is not this executor's gleanerd");
    const proof = prove(secret, "executor", nonces).toString("hex");
    talk.write({ type: "proof", proof });
    const key = prove(secret, "session", nonces);
    return new Connection<ExecutorMessage, DaemonMessage>(
      socket,
      talk.reader,
      key,
      "executor",
      checkDaemonMessage,
      timing,
    );
  });
}

/**
 * Verifies the peer by `ca` and by name before sending a byte; loads TLS only then, because most
 * connections are not encrypted.
 */
async function open({ host, port, ca }: DaemonAddress): Promise<Socket> {
  if (ca === undefined) return connect({ host, port });
  const tls = await import("node:tls");
  return tls.connect({ host, port, ca, ...(isIP(host) === 0 && { servername: host }) });
}

interface Talk {
  readonly reader: FrameReader;
  read(): Promise<unknown>;
  write(value: object): void;
}

/** Runs a handshake over JSON frames; any error or timeout destroys the socket and rejects. */
async function withinLimits<T>(socket: Socket, run: (talk: Talk) => Promise<T>): Promise<T> {
  socket.setNoDelay(true);
  const reader = new FrameReader(maxHandshakeBytes);
  let wake: () => void = () => {};
  let failure: GleanerError | null = null;
  const fail = (error: GleanerError) => {
    failure ??= error;
    wake();
  };
  // Reads in pieces, on demand: a stranger cannot fill our memory.
  const onData = (piece: Buffer) => {
    socket.pause();
    reader.push(piece);
    wake();
  };
  const onError = (cause: Error) =>
    fail(new GleanerError("UNREACHABLE", `the handshake failed: ${messageOf(cause)}`, { cause }));
  const onEnd = () =>
    fail(new GleanerError("UNREACHABLE", "the peer closed the connection during the handshake"));
  const timer = setTimeout(
    () =>
      fail(
        new GleanerError(
          "UNREACHABLE",
          `the handshake did not finish within ${handshakeMs / 1_000} s`,
        ),
      ),
    handshakeMs,
  );
  socket.on("data", onData).on("error", onError).on("end", onEnd).on("close", onEnd);
  const read = async (): Promise<unknown> => {
    for (;;) {
      if (failure !== null) throw failure;
      const content = reader.next();
      if (content !== null) return parse(content);
      await new Promise<void>((resolve) => {
        wake = resolve;
        socket.resume();
      });
    }
  };
  const write = (value: object) => void socket.write(frame(Buffer.from(JSON.stringify(value))));
  try {
    const result = await run({ reader, read, write });
    socket.off("data", onData).off("error", onError).off("end", onEnd).off("close", onEnd);
    return result;
  } catch (thrown) {
    socket.off("data", onData);
    socket.end(() => socket.destroy());
    setTimeout(() => socket.destroy(), 100).unref();
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

function parse(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString("utf8"));
  } catch (cause) {
    throw new GleanerError("PROTOCOL", "the handshake is not JSON", { cause });
  }
}
