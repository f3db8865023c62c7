// One request and its answer over node's sockets, plain or encrypted.

import { connect, isIP, type Socket } from "node:net";
import { GleanerError, messageOf } from "../../model/errors.js";
import { AnswerHead, tooLarge, whyBroken } from "./answer.js";
import { keepIdle, takeIdle } from "./kept-connections.js";
import type { Address, Content, Conversation, Exchange } from "./request.js";

interface Talk extends Exchange {
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

/**
 * Imported on demand: loading node:tls takes longer than a whole request.
 * @internal
 */
export async function open({ host, port, tls }: Address): Promise<Socket> {
  if (tls === undefined) return connect(port, host);
  const [{ connect: connectTls }, { readFileSync }] = await Promise.all([
    import("node:tls"),
    import("node:fs"),
  ]);
  const name = isIP(tls.name) === 0 ? { servername: tls.name } : {};
  return connectTls({ host, port, ca: readFileSync(tls.caFile), ...name });
}

const unverified = ({ host, port }: Address, error: Error): GleanerError =>
  new GleanerError(
    "PROTOCOL",
    `gleanerd on ${host} port ${port} did not prove its identity by TLS (${messageOf(error)}): check listen.host, listen.tls.ca and the clock of this machine`,
    { cause: error },
  );

/**
 * Sends the request; resolves with everything received until the answer was complete or the peer
 * closed.
 */
export async function converse(
  address: Address,
  request: string,
  { content, timeoutMs, maxAnswerBytes, signal, keepsConnection = false }: Talk,
): Promise<Conversation> {
  signal?.throwIfAborted();
  const kept = keepsConnection ? takeIdle(nameOf(address)) : undefined;
  const socket = kept ?? (await open(address));
  return new Promise((resolve, reject) => {
    const opening = openingOf(address, socket, kept !== undefined);
    const chunks: Buffer[] = [];
    let length = 0;
    const head = new AnswerHead();
    let isAwaited = content !== undefined;
    const abort = (): void => void socket.destroy(new Error("aborted"));
    const timer = setTimeout(
      () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const finish = (): void => {
      const peer = { host: socket.remoteAddress ?? address.host, port: address.port };
      leave();
      if (keepsConnection && length === head.answerBytes && head.letsStay)
        keepIdle(nameOf(address), socket);
      else socket.destroy();
      if (length > 0) resolve({ bytes: Buffer.concat(chunks), peer });
      else reject(whyBroken(address, true, new Error("it closed the connection")));
    };
    const take = (chunk: Buffer): void => {
      if (isAwaited) {
        isAwaited = false;
        if (goOn.test(chunk.toString("latin1")))
          return void send(socket, content!, () => timer.refresh());
      }
      length += chunk.length;
      chunks.push(chunk);
      head.take(chunk);
      if (length > maxAnswerBytes) socket.destroy(tooLarge(maxAnswerBytes));
      else if (length >= head.answerBytes) finish();
    };
    const fail = (error: Error): void => {
      leave();
      reject(signal?.aborted ? signal.reason : failureOf(address, opening, error));
    };
    const leave = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      socket.off("data", take).off("end", finish).off("error", fail);
    };
    signal?.addEventListener("abort", abort);
    socket.on("data", take).once("error", fail).once("end", finish);
    socket.write(request);
  });
}

/** How far a connection has come. */
interface Opening {
  isReached: boolean;
  isConnected: boolean;
}

function openingOf({ tls }: Address, socket: Socket, isOpen: boolean): Opening {
  const opening = { isReached: isOpen, isConnected: isOpen };
  if (isOpen) return opening;
  socket.once("connect", () => {
    opening.isReached = true;
  });
  socket.once(tls === undefined ? "connect" : "secureConnect", () => {
    opening.isConnected = true;
  });
  return opening;
}

function failureOf(address: Address, { isReached, isConnected }: Opening, error: Error) {
  if (address.tls !== undefined && isReached && !isConnected) return unverified(address, error);
  return error instanceof GleanerError ? error : whyBroken(address, isConnected, error);
}

const nameOf = ({ host, port, tls }: Address): string =>
  `${host} ${port} ${tls === undefined ? "" : `${tls.caFile} ${tls.name}`}`;

/** The daemon admits a content, in a packet of its own; otherwise it answers with its refusal. */
const goOn = /^HTTP\/1\.1 100 [^\r]*\r\n\r\n$/;

/** `passed` is called whenever the daemon has taken some of it. */
async function send(socket: Socket, { open, bytes }: Content, passed: () => void): Promise<void> {
  const isChunked = bytes === null;
  try {
    for await (const chunk of open()) {
      // The daemon has answered already.
      if (socket.destroyed) return;
      if (isChunked) socket.write(`${chunk.length.toString(16)}\r\n`);
      const isTaken = socket.write(chunk);
      if (isChunked) socket.write("\r\n");
      if (!isTaken) await drained(socket);
      passed();
    }
    if (isChunked && !socket.destroyed) socket.write("0\r\n\r\n");
  } catch (cause) {
    socket.destroy(cause as Error);
  }
}

const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done).off("close", done);
      resolve();
    };
    socket.on("drain", done).on("close", done);
  });
