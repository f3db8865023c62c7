// The mutual proof before the first message: both sides know the secret, which itself never travels.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { connect, isIP, type Socket } from "node:net";
import { GleanerError, messageOf } from "../model/errors.js";
import { type ExecutorId, executorId } from "../model/ids.js";
import { checkDaemonMessage, checkExecutorMessage } from "./checks.js";
import { Connection, type Timing } from "./connection.js";
import { FrameReader, frame } from "./frames.js";
import { type DaemonMessage, type ExecutorMessage, protocolVersion } from "./messages.js";
import { integer, object, oneOf, orNull, pattern, text } from "./shape.js";

/** Strangers may connect: they get this much time and these many bytes. */
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

/** What only a holder of the secret can say about these two nonces; `purpose` keeps the sayings apart. */
function prove(secret: Buffer, purpose: "daemon" | "executor" | "session", nonces: Nonces): Buffer {
  const { executor, daemonNonce, executorNonce } = nonces;
  const what = [purpose, String(protocolVersion), daemonNonce, executorNonce, executor].join("|");
  return createHmac("sha256", secret).update(what).digest();
}

function isProof(proof: string, expected: Buffer): boolean {
  return timingSafeEqual(Buffer.from(proof, "hex"), expected);
}

/**
 * The daemon's side, on a socket just accepted. `secretOf` gives the hex secret of an executor that may connect, or null.
 * Rejects with PROTOCOL, NOT_IDENTIFIED or UNREACHABLE; the socket is closed then.
 */
export async function acceptExecutor(
  socket: Socket,
  secretOf: (executor: ExecutorId) => string | null,
  timing?: Timing,
): Promise<{ readonly executor: ExecutorId; readonly connection: DaemonConnection }> {
  return await withinLimits(socket, async (talk) => {
    const first = hello(await talk.read(), "the hello");
    if (first.protocolVersion !== protocolVersion) {
      const refused = `protocol version ${first.protocolVersion} is not ${protocolVersion}: install the same release on both sides`;
      talk.write({ refused, nonce: "0".repeat(64), proof: "0".repeat(64) });
      throw new GleanerError("PROTOCOL", `an executor was refused: ${refused}`);
    }
    const executor = executorId(first.executor);
    const known = secretOf(executor);
    // A stranger's name gets a secret that nobody has, so that it cannot be told from a wrong proof.
    const secret = known === null ? randomBytes(nonceBytes) : Buffer.from(known, "hex");
    const daemonNonce = randomBytes(nonceBytes).toString("hex");
    const nonces = { executor, daemonNonce, executorNonce: first.nonce };
    const proof = prove(secret, "daemon", nonces).toString("hex");
    talk.write({ refused: null, nonce: daemonNonce, proof });
    const reply = answer(await talk.read(), "the answer");
    if (!isProof(reply.proof, prove(secret, "executor", nonces)))
      throw new GleanerError("NOT_IDENTIFIED", `${executor} could not prove who it is`);
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
  /** Hex. */
  readonly secret: string;
  /** PEM; left out: the connection is not encrypted. */
  readonly ca?: string | undefined;
}

/** The executor's side: connects and proves. Rejects with UNREACHABLE, PROTOCOL or NOT_IDENTIFIED. */
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
      throw new GleanerError("PROTOCOL", `the daemon refused: ${reply.refused}`);
    const nonces = { executor: address.executor, daemonNonce: reply.nonce, executorNonce };
    if (!isProof(reply.proof, prove(secret, "daemon", nonces)))
      throw new GleanerError("NOT_IDENTIFIED", "who answered is not this executor's daemon");
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

/** Verified by `ca` and by name before a byte is sent; loaded only then, since most connections are not encrypted. */
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

/** Runs a handshake over JSON frames; whatever goes wrong, or takes too long, destroys the socket and rejects. */
async function withinLimits<T>(socket: Socket, run: (talk: Talk) => Promise<T>): Promise<T> {
  socket.setNoDelay(true);
  const reader = new FrameReader(maxHandshakeBytes);
  let wake: () => void = () => {};
  let failure: GleanerError | null = null;
  const fail = (error: GleanerError) => {
    failure ??= error;
    wake();
  };
  // Read in pieces, each when it is wanted: a stranger fills no memory of ours.
  const onData = (piece: Buffer) => {
    socket.pause();
    reader.push(piece);
    wake();
  };
  const onError = (cause: Error) =>
    fail(new GleanerError("UNREACHABLE", `no handshake: ${messageOf(cause)}`, { cause }));
  const onEnd = () => fail(new GleanerError("UNREACHABLE", "the peer left during the handshake"));
  const timer = setTimeout(
    () => fail(new GleanerError("UNREACHABLE", `no handshake within ${handshakeMs} ms`)),
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
