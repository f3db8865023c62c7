// Hands an output to whoever keeps it, piece by piece, while the worker waits.

import { messageOf } from "../model/errors.js";
import { WorkerFailure } from "./worker-failure.js";

/** Takes an output as it arrives. */
export interface OutputSink {
  /** Called before the first piece; not called if the call has no result. */
  begin(contentType: string, outputBytes: number): void;
  /** Nothing more is read from the worker until the promise is settled. */
  write(piece: Buffer): void | Promise<void>;
}

export class SinkStream {
  private failure: WorkerFailure | null = null;
  private written: Promise<void> = Promise.resolve();

  /** `hold`: stops reading from the worker until the promise is settled. */
  constructor(
    private readonly sink: OutputSink,
    private readonly hold: (until: Promise<void>) => void,
  ) {}

  begin(contentType: string, outputBytes: number): void {
    this.attempt(() => this.sink.begin(contentType, outputBytes));
  }

  write(piece: Buffer): void {
    this.attempt(() => this.sink.write(piece));
  }

  /** Resolves once everything is kept, or with the reason why it is not. */
  async finished(): Promise<WorkerFailure | null> {
    await this.written;
    return this.failure;
  }

  /** After a failure, the rest of the output is dropped. */
  private attempt(step: () => void | Promise<void>): void {
    if (this.failure !== null) return;
    try {
      const done = step();
      if (!(done instanceof Promise)) return;
      const kept = done.catch((cause: unknown) => this.failed(cause));
      this.written = Promise.all([this.written, kept]).then(() => {});
      this.hold(kept);
    } catch (cause) {
      this.failed(cause);
    }
  }

  private failed(cause: unknown): void {
    const message = `the output could not be kept: ${messageOf(cause)}`;
    this.failure ??= new WorkerFailure("SINK", message, { cause });
  }
}
