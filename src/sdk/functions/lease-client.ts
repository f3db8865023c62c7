// The part of the client for leases: one method for each request.

import type { LeaseList, LeaseView } from "../../wire/api/types.js";
import type { Exchange } from "../http.js";
import { repeated } from "../repeat.js";

/** Where a worker of a lease is, and the key that it and its client prove to each other. */
export interface LeaseEndpoint {
  readonly worker: string;
  readonly node: string;
  readonly host: string;
  readonly port: number;
  readonly socket: string;
  readonly hostId: string;
  readonly key: string | null;
  readonly state: "serving" | "terminating";
}

export interface LeaseAnswer {
  readonly id: number;
  readonly function: string;
  readonly state: "PENDING" | "ACTIVE" | "TERMINATING" | "ENDED";
  readonly revision: number;
  readonly expiresInMs: number;
  readonly wanted: number;
  readonly waiting: number;
  readonly reason: string | null;
  readonly workers: readonly LeaseEndpoint[];
}

export interface LeaseRequest {
  readonly requestId: string;
  readonly function: string;
  readonly workers: number;
  readonly atLeast: number;
  readonly cores: number | null;
  readonly memoryMb: number | null;
  readonly ttlMs: number | null;
  readonly hotMs: number;
  readonly waitMs: number;
}

const waitSlackMs = 10_000;
const unsure =
  "the connection to gleanerd broke while the lease was requested: check with glean lease list";

/** Every method rejects as those of GleanerClient do. */
export class LeaseClient {
  constructor(private readonly send: (what: Exchange) => Promise<unknown>) {}

  request(body: LeaseRequest, signal?: AbortSignal): Promise<LeaseAnswer> {
    const timeoutMs = body.waitMs + waitSlackMs;
    return repeated(
      () => this.ask({ method: "POST", path: "/v1/leases", body, timeoutMs, signal }),
      unsure,
    );
  }

  /** Resolves once the lease has another revision, or after waitMs. */
  follow(id: number, revision: number, waitMs: number, signal: AbortSignal): Promise<LeaseAnswer> {
    const path = `/v1/leases/${id}?revision=${revision}&waitMs=${waitMs}`;
    const timeoutMs = waitMs + waitSlackMs;
    return this.ask({ method: "GET", path, timeoutMs, signal, keepsConnection: true });
  }

  renew(id: number, ttlMs: number | null): Promise<{ readonly expiresInMs: number }> {
    return this.ask({ method: "POST", path: `/v1/leases/${id}/renew`, body: { ttlMs } });
  }

  /** @internal */
  list(): Promise<LeaseList> {
    return this.ask({ method: "GET", path: "/v1/leases" });
  }

  /**
   * With its workers' keys, if it is the caller's own.
   * @internal
   */
  show(id: number): Promise<LeaseView> {
    return this.ask({ method: "GET", path: `/v1/leases/${id}` });
  }

  end(id: number): Promise<{ readonly state: LeaseAnswer["state"] }> {
    return this.ask({ method: "POST", path: `/v1/leases/${id}/end`, body: {} });
  }

  private async ask<Answer>(what: Exchange): Promise<Answer> {
    return (await this.send(what)) as Answer;
  }
}
