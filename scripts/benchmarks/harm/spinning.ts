// Fills the nodes with a lease whose workers spin all the time, each with a client.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "../../cluster/until.js";
import type { Site } from "../../site/site.js";
import type { Api } from "../lib/api.js";
import type { Driver } from "../lib/driver.js";
import { deployNative } from "../lib/native-function.js";
import { startSdkClient } from "../lib/sdk-client.js";

const name = "spin";
const source = "unsigned handler(const void *in, unsigned size, void *out) { return 0; }";
const program = join(dirname(fileURLToPath(import.meta.url)), "spin.mjs");
/** A worker tells once a second how long it has spun. */
const spinDeadlineMs = 30_000;

export class Spinning {
  private client: Driver | null = null;
  private id = "";

  constructor(
    private readonly site: Site,
    private readonly workers: number,
  ) {}

  /** Resolves once all workers serve and have spun. */
  async begin(api: Api): Promise<void> {
    await deployNative(api, name, source);
    this.client ??= await startSdkClient(this.site, program);
    const { workers } = this;
    this.id = (await this.client.ask<{ id: string }>({ name, workers })).id;
    await this.allSpin(api);
  }

  /** Resolves once all workers have a client and have spun since they serve, also new ones. */
  async allSpin(api: Api): Promise<void> {
    const spin = async () => {
      const { workers } = await api.lease(this.id);
      const spinning = workers.filter(({ clients, spinMs }) => clients > 0 && spinMs > 0);
      return spinning.length === this.workers || undefined;
    };
    const late = () =>
      new Error(`${this.workers} workers did not spin within ${spinDeadlineMs} ms`);
    await until(spinDeadlineMs, spin, late);
  }

  async end(): Promise<void> {
    await this.client?.ask({ end: true });
  }

  async stop(): Promise<void> {
    await this.client?.stop();
  }
}
