// Synchronous calls of the no-op in JavaScript.

import type { Driver } from "../lib/driver.js";
import type { Subject } from "./figures.js";

export class Calls {
  /** One at a time. */
  readonly tookMs: number[] = [];

  constructor(
    private readonly client: Driver,
    private readonly tasks: number,
    private readonly cores: number,
  ) {}

  /** As many in flight as there are cores. */
  get subject(): Subject {
    const run = async () => (await this.ask(this.cores)).elapsedMs;
    return { name: "call", tasks: this.tasks, run };
  }

  async oneByOne(): Promise<void> {
    this.tookMs.push(...(await this.ask(1)).tookMs);
  }

  private ask(inFlight: number): Promise<{ elapsedMs: number; tookMs: number[] }> {
    return this.client.ask({ call: "noop-node", tasks: this.tasks, inFlight });
  }
}
