// Limits connections and running requests per source and user, so that one who holds many leaves
// room for others.

import type { Socket } from "node:net";
import { mostOf } from "../../../core/submission/user-share.js";
import { type Peer, Strangers } from "../../../limits/strangers.js";
import { GleanerError } from "../../../model/errors.js";

/**
 * The most connections without a token: beyond it, the source with the most loses one. Getting a
 * token takes milliseconds.
 */
const maxUnidentified = 2_048;
/** Running requests, including clients that wait for an invocation to end. */
const maxRequests = 2_048;
/** For one user, and at most as many as are free for others. */
const maxRequestsOfUser = 512;

export const maxConnections = maxUnidentified + maxRequests;

export class Connections {
  private readonly strangers = new Strangers(maxUnidentified);
  private readonly requestsOf = new Map<number, number>();
  private requests = 0;

  opened(socket: Socket): void {
    this.strangers.opened(socket);
  }

  /**
   * A request has shown a user's token. Returns the function to call at its end; throws
   * LIMIT_REACHED.
   */
  identified(peer: Peer, uid: number): () => void {
    const own = this.requestsOf.get(uid) ?? 0;
    const most = Math.min(maxRequestsOfUser, mostOf(maxRequests, this.requests - own));
    if (own + 1 > most)
      throw new GleanerError(
        "LIMIT_REACHED",
        `you have ${own} requests running and the limit is ${most}: use one request to wait for a whole array, or wait until others are answered`,
      );
    this.requestsOf.set(uid, own + 1);
    this.requests++;
    const isStranger = this.strangers.proved(peer);
    return () => {
      this.requests--;
      const left = this.requestsOf.get(uid)! - 1;
      if (left === 0) this.requestsOf.delete(uid);
      else this.requestsOf.set(uid, left);
      isStranger();
    };
  }
}
