// The token that each request carries: from the cache, or from the daemon in exchange for a munge
// credential.

import { nowMs } from "../clock.js";
import type { ChallengeAnswer, PathOf, TokenAnswer, TokenRequest } from "../wire/api/types.js";
import { credentialPayload, shownEndpoint } from "../wire/munge/credential.js";
import { type MungeOptions, makeCredential } from "./credential.js";
import { exchange, exchangeWith } from "./http/exchange.js";
import type { Address } from "./http/request.js";
import { privateName, readPrivate, writePrivate } from "./private-files.js";
import { inTurn } from "./repeat.js";

/** A token this close to its expiry may be rejected on arrival. */
const marginMs = 2_000;
/** Characters allowed in a header; also keeps a damaged cache from breaking the request. */
const tokenShape = /^[\x21-\x7e]{1,4096}$/;

export interface TokenOptions {
  readonly address: Address;
  readonly munge: MungeOptions;
  /** From privateDirectory(); null for no cache. */
  readonly cacheDirectory: string | null;
  /**
   * Distinguishes clusters that share an address, for example by the path of the configuration
   * file.
   */
  readonly cacheKey: string;
}

/**
 * Holds one token; requests a new one if there is none, it has expired, or `renew` is called. A
 * signal ends the request and its pauses.
 */
export class Tokens {
  private readonly options: TokenOptions;
  /** The daemon, munged and cluster that the token is for. */
  private readonly key: string;
  private current: string | null = null;

  constructor(options: TokenOptions) {
    this.options = options;
    const { host, port } = options.address;
    this.key = JSON.stringify([host, port, options.munge.socket, options.cacheKey]);
  }

  async get(signal?: AbortSignal): Promise<string> {
    this.current ??= this.cached();
    return this.current ?? this.renew(signal);
  }

  /** Gets a new token regardless of the cache: the daemon rejected the old one. */
  async renew(signal?: AbortSignal): Promise<string> {
    const { token, validMs } = await this.askForOne(signal);
    const entry = { key: this.key, token, expiresAtMs: nowMs() + validMs };
    if (this.options.cacheDirectory !== null)
      writePrivate(this.options.cacheDirectory, this.fileName(), JSON.stringify(entry));
    this.current = token;
    return token;
  }

  /**
   * The credential answers this daemon's challenge and names the address that we connected to, so
   * that nobody can relay it.
   */
  private async askForOne(signal?: AbortSignal): Promise<TokenAnswer> {
    const { address, munge } = this.options;
    const challenge = "/v1/challenge" satisfies PathOf<"challenge">;
    const { value, peer } = await inTurn(
      () => exchangeWith(address, { method: "GET", path: challenge, signal }),
      signal,
    );
    const { instance, nonce } = value as ChallengeAnswer;
    const payload = credentialPayload({ address: shownEndpoint(peer), instance, nonce });
    const body: TokenRequest = { credential: await makeCredential(munge, payload, signal) };
    // To exactly the same address: a name may have several.
    const there = { ...address, host: peer.host };
    const path = "/v1/token" satisfies PathOf<"token">;
    const ask = () => exchange(there, { method: "POST", path, body, signal });
    return (await inTurn(ask, signal)) as TokenAnswer;
  }

  private fileName(): string {
    return privateName("token", this.key);
  }

  private cached(): string | null {
    if (this.options.cacheDirectory === null) return null;
    const text = readPrivate(this.options.cacheDirectory, this.fileName());
    if (text === null) return null;
    try {
      const { key, token, expiresAtMs } = JSON.parse(text) as Readonly<Record<string, unknown>>;
      if (key !== this.key) return null;
      if (typeof token !== "string" || !tokenShape.test(token)) return null;
      if (typeof expiresAtMs !== "number" || expiresAtMs - marginMs <= nowMs()) return null;
      return token;
    } catch {
      return null;
    }
  }
}
