// Counts gleanerd's requests to slurmctld in the last minute, for `glean info`.

import { nowMs } from "../../clock.js";

const windowMs = 60_000;

export interface RequestCount {
  readonly commands: number;
  readonly rpcs: number;
}

export class RequestRate {
  private readonly counts: (RequestCount & { readonly atMs: number })[] = [];

  add(count: RequestCount): void {
    const atMs = nowMs();
    this.counts.push({ atMs, ...count });
    while (this.counts[0]!.atMs < atMs - windowMs) this.counts.shift();
  }

  get load(): { readonly commandsPerMinute: number; readonly rpcsPerMinute: number } {
    const since = nowMs() - windowMs;
    let [commandsPerMinute, rpcsPerMinute] = [0, 0];
    for (const { atMs, commands, rpcs } of this.counts) {
      if (atMs < since) continue;
      commandsPerMinute += commands;
      rpcsPerMinute += rpcs;
    }
    return { commandsPerMinute, rpcsPerMinute };
  }
}
