// Connections and requests under way, limited for each source and user, so that whoever holds many leaves room for others.

import type { Socket } from "node:net";
import { mostOf } from "../../../core/submission/user-share.js";
import { type Peer, Strangers } from "../../../limits/strangers.js";
import { GleanerError } from "../../../model/errors.js";

/** Connections that have shown no token: beyond it the source that has most loses one. A token takes milliseconds. */
const maxUnidentified = 2_048;
/** Requests under way, clients that wait for an end included. */
const maxRequests = 2_048;
/** Of one user, and no more than stay free for others. */
const maxRequestsOfUser = 512;

export const maxConnections = maxUnidentified + maxRequests;

export class Connections {
  private readonly strangers = new Strangers(maxUnidentified);
  private readonly requestsOf = new Map<number, number>();
  private requests = 0;

  opened(socket: Socket): void {
    this.strangers.opened(socket);
  }

  /** A request has shown a user's token. Returns what to call at its end; throws LIMIT_REACHED. */
  identified(peer: Peer, uid: number): () => void {
    const own = this.requestsOf.get(uid) ?? 0;
    const most = Math.min(maxRequestsOfUser, mostOf(maxRequests, this.requests - own));
    if (own + 1 > most)
      throw new GleanerError(
        "LIMIT_REACHED",
        `you have ${own} requests under way and a user may have ${most}: wait for an array with one request, and until others are answered`,
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
