// The demo's batch jobs, submitted at their times beside the calls. A witness runs first in each.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  isViolation,
  makeStream,
  readSightings,
  type StreamShape,
  submitBatchJob,
} from "../../demonstration/stream.js";
import { compileTool } from "../../demonstration/tools.js";
import type { Site } from "../../site/site.js";

export class BatchJobs {
  private readonly ending = new AbortController();

  private constructor(
    private readonly site: Site,
    private readonly shape: StreamShape,
    private readonly witness: string,
    private readonly sightings: string,
  ) {}

  static async prepare(site: Site, shape: StreamShape): Promise<BatchJobs> {
    const sightings = join(site.cluster.dir, "work", "witness");
    mkdirSync(sightings);
    return new BatchJobs(site, shape, await compileTool(site, "witness"), sightings);
  }

  /** Resolves once all were submitted, or after stop(). */
  async submit(): Promise<void> {
    const startedMs = performance.now();
    const { signal } = this.ending;
    for (const job of makeStream(this.shape)) {
      const leftMs = startedMs + job.submitAtMs - performance.now();
      await pause(Math.max(0, leftMs), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const { witness, sightings } = this;
      await submitBatchJob(this.site.cluster, job, witness, sightings, this.shape.coresPerNode);
    }
  }

  stop(): void {
    this.ending.abort();
  }

  /** How many began, and how many of these found functions on their cores. */
  seen(): { readonly began: number; readonly violations: number } {
    const all = readSightings(this.sightings);
    return {
      began: new Set(all.map(({ job }) => job)).size,
      violations: all.filter(isViolation).length,
    };
  }
}
