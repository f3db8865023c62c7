// One HTTP request to the daemon: bounded in size and time, errors as sentences.

import { request as httpRequest, type IncomingMessage } from "node:http";
import { type ErrorCode, GleanerError, messageOf } from "../model/errors.js";
import { statusOf } from "../wire/api.js";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Exchange {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly token?: string;
  readonly body?: unknown;
  /** null: the usual limit of 30 s. */
  readonly timeoutMs?: number;
}

/** A daemon that commits, verifies or draws a report is slow for seconds, never for half a minute. */
const defaultTimeoutMs = 30_000;
/** The longest list (20,000 invocations of about 500 bytes) six times over. */
const maxAnswerBytes = 64 * 1024 * 1024;

/** The request may have been carried out: the connection broke after it was sent. */
export class BrokenOffError extends GleanerError {
  constructor(message: string, cause: unknown) {
    super("UNREACHABLE", message, { cause });
  }
}

/**
 * Sends one request and gives the answer's JSON. Rejects with the daemon's own error, with UNREACHABLE when nothing
 * listens, BrokenOffError when the connection broke, or PROTOCOL when what answers is no gleanerd.
 */
export function exchange(address: Address, what: Exchange): Promise<unknown> {
  const body = what.body === undefined ? null : Buffer.from(JSON.stringify(what.body));
  const timeoutMs = what.timeoutMs ?? defaultTimeoutMs;
  return new Promise((resolve, reject) => {
    let connected = false;
    const request = httpRequest({
      host: address.host,
      port: address.port,
      method: what.method,
      path: what.path,
      // One connection a request: a kept one would hold a short program open.
      agent: false,
      headers: {
        accept: "application/json",
        ...(body && { "content-type": "application/json", "content-length": body.length }),
        ...(what.token !== undefined && { authorization: `Bearer ${what.token}` }),
      },
    });
    const timer = setTimeout(
      () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error instanceof GleanerError ? error : whyBroken(address, connected, error));
    };
    request.on("socket", (socket) => socket.once("connect", () => (connected = true)));
    request.on("error", fail);
    request.on("response", (response) => {
      readAll(response).then((answer) => {
        clearTimeout(timer);
        // Waiting for the other side to close would hold the program open.
        request.destroy();
        resolve(answer);
      }, fail);
    });
    request.end(body ?? undefined);
  }).then((answer) => understand(address, answer as Answer));
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function readAll(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxAnswerBytes) {
      response.destroy();
      throw new GleanerError(
        "PROTOCOL",
        `the answer is larger than ${maxAnswerBytes} bytes: narrow what you ask for`,
      );
    }
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") };
}

function understand(address: Address, { status, text }: Answer): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null) throw notOurs(address);
  if (status >= 200 && status < 300) return value;
  const { error } = value as { error?: { code?: unknown; message?: unknown } };
  if (typeof error?.code !== "string" || typeof error.message !== "string") throw notOurs(address);
  throw new GleanerError(knownCode(error.code, status), error.message);
}

/** A newer daemon may use a code that we do not know; its status still tells the kind. */
function knownCode(code: string, status: number): ErrorCode {
  if (typeof statusOf(code as ErrorCode) === "number") return code as ErrorCode;
  return status < 500 ? "BAD_REQUEST" : "PROTOCOL";
}

const notOurs = ({ host, port }: Address): GleanerError =>
  new GleanerError(
    "PROTOCOL",
    `what listens on ${host} port ${port} does not answer as gleanerd does: check listen.apiPort in the configuration`,
  );

function whyBroken({ host, port }: Address, connected: boolean, error: Error): GleanerError {
  if (connected)
    return new BrokenOffError(
      `gleanerd on ${host} port ${port} broke off (${messageOf(error)}): try again in a moment`,
      error,
    );
  return new GleanerError(
    "UNREACHABLE",
    `gleanerd does not answer on ${host} port ${port} (${messageOf(error)}): check that it runs there, or ask your administrator`,
    { cause: error },
  );
}
