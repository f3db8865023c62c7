// A lease over workers that really serve, as a client has it: gleanerd's part is made up here.

import { GleanerError } from "../../../src/model/errors.js";
import type { Connection } from "../../../src/sdk/connection.js";
import { LeaseClient } from "../../../src/sdk/functions/lease-client.js";
import type { LeaseRetry } from "../../../src/sdk/leases/lease.js";
import { type Lease, openLease } from "../../../src/sdk/leases/lease.js";
import type { LeaseOptions } from "../../../src/sdk/leases/options.js";
import type { ServedEndpoint } from "../runtimes/serving.js";

const timeLimitMs = 60_000;

type Endpoint = ServedEndpoint & { readonly node: string };

/** What the made-up gleanerd knows; a change of workers is told to who follows the lease. */
export class Leasing {
  readonly asked: string[] = [];
  /** Calls that came the daemon's way. */
  readonly elsewhere: unknown[] = [];
  state: "ACTIVE" | "ENDED" = "ACTIVE";
  invoke: (input: unknown) => Promise<unknown> = async () => "by gleanerd";
  private id = 7;
  private revision = 1;
  private followers: (() => void)[] = [];

  constructor(private workers: readonly Endpoint[]) {}

  change(workers: readonly Endpoint[], state = this.state): void {
    this.workers = workers;
    this.state = state;
    this.revision++;
    for (const tell of this.followers.splice(0)) tell();
  }

  /** As one that was killed before the lease was on record; it grants another one. */
  forget(workers: readonly Endpoint[]): void {
    this.id++;
    this.change(workers);
  }

  open(options: Partial<LeaseOptions> & { readonly retry?: LeaseRetry } = {}): Promise<Lease> {
    return openLease(
      {
        leases: this.client(),
        invoke: ((_name: string, input: unknown, limits: { readonly timeLimitMs: number }) => {
          if (limits.timeLimitMs > timeLimitMs) throw new Error("longer than it may run");
          this.elsewhere.push(input);
          return this.invoke(input);
        }) as Connection["invoke"],
      },
      { function: "echo", ...options },
    );
  }

  client(): LeaseClient {
    return new LeaseClient(async ({ method, path, signal }) => {
      this.asked.push(`${method} ${path}`);
      if (path.includes(`revision=${this.revision}&`)) await this.changed(signal!);
      const isKnown = path === "/v1/leases" || path.startsWith(`/v1/leases/${this.id}`);
      if (!isKnown) throw new GleanerError("NOT_FOUND", `there is no ${path}`);
      return this.answer();
    });
  }

  private changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.followers.push(resolve);
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  }

  private answer(): object {
    const { id, state, revision, workers } = this;
    const known = {
      id,
      function: "ada/echo",
      hotMs: 0,
      timeLimitMs,
      expiresInMs: 10_000,
      reason: null,
    };
    return { ...known, state, revision, workers, wanted: workers.length, waiting: 0 };
  }
}

export const endpointOf = (endpoint: ServedEndpoint): Endpoint => ({ ...endpoint, node: "n1" });
