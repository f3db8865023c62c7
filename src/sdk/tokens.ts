// The token that each request carries: from the cache, else from the daemon for a munge credential.

import { createHash } from "node:crypto";
import { nowMs } from "../clock.js";
import type { TokenAnswer, TokenRequest } from "../wire/api.js";
import { makeCredential } from "./credential.js";
import { type Address, exchange } from "./http.js";
import { readPrivate, writePrivate } from "./private-files.js";

/** A token this close to its end would be refused on arrival. */
const marginMs = 2_000;
/** What may stand in a header; also keeps a damaged cache from breaking the request. */
const tokenShape = /^[\x21-\x7e]{1,4096}$/;

export interface TokenOptions {
  readonly address: Address;
  /** munged's socket; null: munge's default. */
  readonly mungeSocket: string | null;
  /** From privateDirectory(); null: no cache. */
  readonly cacheDirectory: string | null;
  /** Tells clusters apart that share an address: the configuration file's path, say. */
  readonly cacheKey: string;
}

/** Holds one token; asks for a new one when there is none, it has expired, or `renew` is called. */
export class Tokens {
  readonly #options: TokenOptions;
  readonly #fileName: string;
  #current: string | null = null;

  constructor(options: TokenOptions) {
    this.#options = options;
    const { host, port } = options.address;
    const key = JSON.stringify([host, port, options.mungeSocket, options.cacheKey]);
    this.#fileName = `token-${createHash("sha256").update(key).digest("hex").slice(0, 32)}.json`;
  }

  async get(): Promise<string> {
    this.#current ??= this.#cached();
    return this.#current ?? this.renew();
  }

  /** A new token whatever is cached: the daemon refused the old one. */
  async renew(): Promise<string> {
    const request: TokenRequest = { credential: await makeCredential(this.#options.mungeSocket) };
    const answer = (await exchange(this.#options.address, {
      method: "POST",
      path: "/v1/token",
      body: request,
    })) as TokenAnswer;
    const entry = { token: answer.token, expiresAtMs: nowMs() + answer.validMs };
    if (this.#options.cacheDirectory !== null)
      writePrivate(this.#options.cacheDirectory, this.#fileName, JSON.stringify(entry));
    this.#current = answer.token;
    return answer.token;
  }

  #cached(): string | null {
    if (this.#options.cacheDirectory === null) return null;
    const text = readPrivate(this.#options.cacheDirectory, this.#fileName);
    if (text === null) return null;
    try {
      const { token, expiresAtMs } = JSON.parse(text) as { token: unknown; expiresAtMs: unknown };
      if (typeof token !== "string" || !tokenShape.test(token)) return null;
      if (typeof expiresAtMs !== "number" || expiresAtMs - marginMs <= nowMs()) return null;
      return token;
    } catch {
      return null;
    }
  }
}
