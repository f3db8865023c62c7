// A request to the daemon: where it goes, what it holds, and its limits.

import type { Endpoint } from "../../wire/munge/credential.js";

export interface Address {
  readonly host: string;
  readonly port: number;
  /** Omitted if the connection is not encrypted. */
  readonly tls?: TlsAddress | undefined;
  /**
   * Used instead of node's sockets by a program that does nothing while it waits.
   * @internal
   */
  readonly ask?: Ask | undefined;
}

/**
 * Sends a request and returns the whole answer; the program stands still meanwhile. Throws as
 * exchange() rejects; null if the host has several addresses, which are to be tried in turn.
 * @internal
 */
export type Ask = (
  address: Address,
  request: string,
  limits: { readonly timeoutMs: number; readonly maxAnswerBytes: number },
) => Conversation | null;

/** @internal */
export interface Conversation {
  /** All that the peer sent. */
  readonly bytes: Buffer;
  readonly peer: Endpoint;
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
