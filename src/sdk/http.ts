// Sends one HTTP request to the daemon, with limits on size and time, and errors as sentences.
//
// It writes HTTP/1.0 to a bare socket: then the answer is everything up to the connection's end.
// Loading node:http and using it once takes a fifth of the start of a bare node, for which users of
// glean would wait. A content is sent by HTTP/1.1, which lets the daemon refuse it first, and so is
// what keeps its connection; answers to those requests have a length.

import { connect, isIP, type Socket } from "node:net";
import { GleanerError, messageOf } from "../model/errors.js";
import { maxHeadBytes } from "../wire/api/limits.js";
import type { Endpoint } from "../wire/munge/credential.js";
import { AnswerHead, brokenOff, notOurs, parse, understand, whyBroken } from "./answer.js";
import { keepIdle, takeIdle } from "./kept-connections.js";

export interface Address {
  readonly host: string;
  readonly port: number;
  /** Omitted if the connection is not encrypted. */
  readonly tls?: TlsAddress | undefined;
}

export interface TlsAddress {
  /** A PEM file with the authorities to trust. */
  readonly caFile: string;
  /** The name that the certificate must contain. */
  readonly name: string;
}

export interface Exchange {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly token?: string;
  readonly body?: unknown;
  /** Any bytes, in place of a body of JSON. */
  readonly content?: Content;
  /** The connection stays open for the next such request. */
  readonly keepsConnection?: boolean;
  /** 30 s if omitted. */
  readonly timeoutMs?: number;
  /** Breaks the connection; the request rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What is sent once the daemon is ready to read it. */
export interface Content {
  /** null if nobody knows before the end: it is sent in chunks. */
  readonly bytes: number | null;
  /** Any bytes if omitted. */
  readonly contentType?: string;
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** A daemon that commits, verifies or draws a report may take seconds, but never half a minute. */
const defaultTimeoutMs = 30_000;
/** Six times the longest list (20,000 invocations of about 500 bytes), and the largest bundle. */
const maxAnswerBytes = 65 * 1024 * 1024;

/**
 * Characters allowed in a request line or a header; a line break there would start another header.
 */
const wordShape = /^[\x21-\x7e]+$/;

/**
 * Sends one request and returns the JSON of the answer. Rejects with the daemon's own error,
 * UNREACHABLE if nothing listens, BrokenOffError if the connection broke, or PROTOCOL if the peer
 * is not gleanerd.
 */
export async function exchange(address: Address, what: Exchange): Promise<unknown> {
  return (await exchangeWith(address, what)).value;
}

/** Like exchange(), but also returns the address that it connected to: a name may have several. */
export async function exchangeWith(
  address: Address,
  what: Exchange,
): Promise<{ readonly value: unknown; readonly peer: Endpoint }> {
  const request = requestOf(address, what);
  const { bytes, peer } = await converse(address, request, what);
  const answer = parse(bytes);
  if (answer === null) throw notOurs(address);
  if (answer.length !== null && bytes.length < answer.length) throw brokenOff(address);
  return { value: understand(address, answer), peer };
}

function requestOf(
  address: Address,
  { method, path, token, body, content, keepsConnection = false }: Exchange,
): string {
  if (![address.host, path, token ?? "-"].every((word) => wordShape.test(word)))
    throw new GleanerError(
      "PROTOCOL",
      "the address, the path or the token contains a character that no request may contain: check listen.host in the configuration",
    );
  const text = body === undefined ? "" : JSON.stringify(body);
  const lines = [
    `${method} ${path} HTTP/${content === undefined && !keepsConnection ? "1.0" : "1.1"}`,
    `Host: ${address.host}`,
    "Accept: application/json",
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...(body === undefined ? [] : ["Content-Type: application/json"]),
    ...(content === undefined ? [] : ["Connection: close", "Expect: 100-continue"]),
    ...(content?.contentType === undefined ? [] : [`Content-Type: ${content.contentType}`]),
    content?.bytes === null
      ? "Transfer-Encoding: chunked"
      : `Content-Length: ${content?.bytes ?? Buffer.byteLength(text)}`,
  ];
  const head = `${lines.join("\r\n")}\r\n\r\n`;
  if (head.length > maxHeadBytes)
    throw new GleanerError(
      "LIMIT_REACHED",
      `the head of the request has ${head.length} bytes and the limit is ${maxHeadBytes}: name fewer things at a time`,
    );
  return head + text;
}

interface Conversation {
  readonly bytes: Buffer;
  readonly peer: Endpoint;
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
async function converse(
  address: Address,
  request: string,
  { content, timeoutMs = defaultTimeoutMs, signal, keepsConnection = false }: Exchange,
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
      if (length > maxAnswerBytes) socket.destroy(tooLarge());
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

const tooLarge = (): GleanerError =>
  new GleanerError(
    "PROTOCOL",
    `the answer is larger than ${maxAnswerBytes} bytes: request less at a time`,
  );
