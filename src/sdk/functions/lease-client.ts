// The part of the client for leases: one method for each request.

import type {
  EndLeaseAnswer,
  LeaseList,
  LeaseRequest,
  LeaseView,
  RenewAnswer,
} from "../../wire/api/types.js";
import { BrokenOffError } from "../http/answer.js";
import type { Exchange } from "../http/request.js";
import { repeated } from "../repeat.js";

type Timed = LeaseRequest & { readonly waitMs: number };

const waitSlackMs = 10_000;
const unsure =
  "the connection to gleanerd broke while the lease was requested: check with glean lease list";

/** Every method rejects as those of GleanerClient do. */
export class LeaseClient {
  constructor(private readonly send: (what: Exchange) => Promise<unknown>) {}

  request(body: Timed, signal?: AbortSignal): Promise<LeaseView> {
    const timeoutMs = body.waitMs + waitSlackMs;
    return repeated(
      (isAgain) => {
        const asked = { ...body, fresh: !isAgain };
        const limits = { timeoutMs, signal, keepsConnection: true };
        return this.ask({ method: "POST", path: "/v1/leases", body: asked, ...limits });
      },
      unsure,
      signal,
    );
  }

  /** Resolves once the lease has another revision, or after waitMs. */
  follow(id: number, revision: number, waitMs: number, signal: AbortSignal): Promise<LeaseView> {
    const path = `/v1/leases/${id}?revision=${revision}&waitMs=${waitMs}`;
    const timeoutMs = waitMs + waitSlackMs;
    return this.ask({ method: "GET", path, timeoutMs, signal, keepsConnection: true });
  }

  renew(id: number, ttlMs: number | null): Promise<RenewAnswer> {
    const path = `/v1/leases/${id}/renew`;
    return this.ask({ method: "POST", path, body: { ttlMs }, keepsConnection: true });
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

  /** Leaves its connection to the next lease. */
  async end(id: number): Promise<EndLeaseAnswer> {
    const path = `/v1/leases/${id}/end`;
    const ask = () =>
      this.ask<EndLeaseAnswer>({ method: "POST", path, body: {}, keepsConnection: true });
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof BrokenOffError)) throw error;
      // gleanerd may have closed a connection that was kept; to end a lease twice changes nothing.
      return ask();
    }
  }

  private async ask<Answer>(what: Exchange): Promise<Answer> {
    return (await this.send(what)) as Answer;
  }
}
