// Reads the daemon's answer to an HTTP request: its JSON, or the error in it as a sentence.

import { type ErrorCode, GleanerError, messageOf } from "../../model/errors.js";
import { statusOf } from "../../wire/api/errors.js";
import { maxHeadBytes } from "../../wire/api/limits.js";

/** The peer of a request, for messages. */
interface Peer {
  readonly host: string;
  readonly port: number;
}

/** The daemon may have carried out the request: the connection broke after it was sent. */
export class BrokenOffError extends GleanerError {
  constructor(message: string, cause: unknown) {
    super("UNREACHABLE", message, { cause });
  }
}

/** The daemon did not carry out the request, and says when to send it again. */
export class RefusedForNowError extends GleanerError {
  constructor(
    code: ErrorCode,
    message: string,
    readonly retryAfterMs: number,
  ) {
    super(code, message);
  }
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** Bytes as they were asked for, not JSON. */
  readonly isContent: boolean;
  /** Bytes of head and body together, if announced. */
  readonly length: number | null;
  /** When the daemon wants a refused request again; null if it does not say. */
  readonly retryAfterMs: number | null;
}

/** null if it is not HTTP. */
export function parse(bytes: Buffer): Answer | null {
  const end = bytes.indexOf("\r\n\r\n");
  const head = bytes.toString("latin1", 0, Math.max(0, end));
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
  if (status === undefined) return null;
  const retryAfterS = /\r\nretry-after: *(\d{1,4})(?:\r\n|$)/i.exec(head)?.[1];
  const announced = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  return {
    status: Number(status),
    body: bytes.subarray(end + 4),
    isContent: /\r\ncontent-type: *application\/octet-stream/i.test(head),
    length: announced === undefined ? null : end + 4 + Number(announced),
    retryAfterMs: retryAfterS === undefined ? null : Number(retryAfterS) * 1_000,
  };
}

const mayStay = /^HTTP\/1\.1 (?![\s\S]*\r\nconnection: *close[\s\S]*\r\n\r\n)/i;

/** What the head of an answer says while the answer still comes, in pieces of any size. */
export class AnswerHead {
  /** Bytes of head and body together; infinite if only the end of the connection tells. */
  answerBytes = Number.POSITIVE_INFINITY;
  private text = "";
  private isRead = false;

  take(piece: Buffer): void {
    if (this.isRead) return;
    this.text += piece.toString("latin1");
    this.isRead = this.text.includes("\r\n\r\n") || this.text.length > maxHeadBytes;
    const answer = this.isRead ? parse(Buffer.from(this.text, "latin1")) : null;
    if (answer?.length != null) this.answerBytes = answer.length;
  }

  /** Whether the daemon keeps the connection for another request. */
  get letsStay(): boolean {
    return mayStay.test(this.text);
  }
}

export const brokenOff = (address: Peer): GleanerError =>
  whyBroken(address, true, new Error("the answer is incomplete"));

export function understand(address: Peer, answer: Answer): unknown {
  const { status, body, isContent, length, retryAfterMs } = answer;
  if (isContent && status === 200) return body;
  const text = body.toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // A list has no announced length, because the daemon writes it while reading it.
    if (length === null && text.startsWith("{")) throw brokenOff(address);
    value = undefined;
  }
  if (typeof value !== "object" || value === null) throw notOurs(address);
  if (status >= 200 && status < 300) return value;
  const { error } = value as { error?: { code?: unknown; message?: unknown } };
  if (typeof error?.code !== "string" || typeof error.message !== "string") throw notOurs(address);
  const code = knownCode(error.code, status);
  if (retryAfterMs === null) throw new GleanerError(code, error.message);
  throw new RefusedForNowError(code, error.message, retryAfterMs);
}

/** A newer daemon may use an unknown code; its status still tells the kind. */
export function knownCode(code: string, status: number): ErrorCode {
  if (typeof statusOf(code as ErrorCode) === "number") return code as ErrorCode;
  return status < 500 ? "BAD_REQUEST" : "PROTOCOL";
}

export const notOurs = ({ host, port }: Peer): GleanerError =>
  new GleanerError(
    "PROTOCOL",
    `the program that listens on ${host} port ${port} does not answer as gleanerd does: check listen.apiPort in the configuration`,
  );

export function whyBroken({ host, port }: Peer, connected: boolean, error: Error): GleanerError {
  if (connected)
    return new BrokenOffError(
      `the connection to gleanerd on ${host} port ${port} broke (${messageOf(error)}): try again in a moment`,
      error,
    );
  return new GleanerError(
    "UNREACHABLE",
    `gleanerd does not answer on ${host} port ${port} (${messageOf(error)}): check that it runs there, or ask your administrator`,
    { cause: error },
  );
}

export const tooLarge = (maxAnswerBytes: number): GleanerError =>
  new GleanerError(
    "PROTOCOL",
    `the answer is larger than ${maxAnswerBytes} bytes: request less at a time`,
  );
