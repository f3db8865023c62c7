// The token that each request carries: from the cache, else from the daemon for a munge credential.

import { nowMs } from "../clock.js";
import type { TokenAnswer, TokenRequest } from "../wire/api.js";
import { makeCredential } from "./credential.js";
import { type Address, exchange } from "./http.js";
import { privateName, readPrivate, writePrivate } from "./private-files.js";

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
  /** Daemon, munged and cluster that the token is for. */
  readonly #key: string;
  #current: string | null = null;

  constructor(options: TokenOptions) {
    this.#options = options;
    const { host, port } = options.address;
    this.#key = JSON.stringify([host, port, options.mungeSocket, options.cacheKey]);
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
    const { token, validMs } = answer;
    const entry = { key: this.#key, token, expiresAtMs: nowMs() + validMs };
    if (this.#options.cacheDirectory !== null)
      writePrivate(this.#options.cacheDirectory, this.#fileName(), JSON.stringify(entry));
    this.#current = token;
    return token;
  }

  #fileName(): string {
    return privateName("token", this.#key);
  }

  #cached(): string | null {
    if (this.#options.cacheDirectory === null) return null;
    const text = readPrivate(this.#options.cacheDirectory, this.#fileName());
    if (text === null) return null;
    try {
      const { key, token, expiresAtMs } = JSON.parse(text) as Readonly<Record<string, unknown>>;
      if (key !== this.#key) return null;
      if (typeof token !== "string" || !tokenShape.test(token)) return null;
      if (typeof expiresAtMs !== "number" || expiresAtMs - marginMs <= nowMs()) return null;
      return token;
    } catch {
      return null;
    }
  }
}
