// What the tasks print, on its way to standard output and error.

import { type LineSettings, Lines } from "./lines.js";
import { Sink } from "./sink.js";

type Stream = "output" | "errors";

export class Printer {
  printedBytes = 0;
  private readonly lines: Lines;
  private readonly sinks: Readonly<Record<Stream, Sink>>;

  /** `onRoom`: more can be printed again; `onBroken`: nobody reads any more. */
  constructor(settings: LineSettings, onRoom: () => void, onBroken: () => void) {
    this.lines = new Lines(settings);
    this.sinks = { output: new Sink(1, onRoom, onBroken), errors: new Sink(2, onRoom, onBroken) };
  }

  /** False if no more should come until `onRoom`. */
  print(task: number, stream: Stream, bytes: Buffer): boolean {
    this.printedBytes += bytes.length;
    this.sinks[stream].push(this.lines.take(task, stream, bytes));
    return !this.sinks[stream].isFull;
  }

  /** The task prints nothing more. */
  ended(task: number): void {
    for (const stream of ["output", "errors"] as const)
      this.sinks[stream].push(this.lines.end(task, stream));
  }

  /** Whether a reader that does not read holds the program up. */
  get isBlocked(): boolean {
    return this.sinks.output.isWriting || this.sinks.errors.isWriting;
  }

  async flushed(): Promise<void> {
    await Promise.all([this.sinks.output.flushed(), this.sinks.errors.flushed()]);
  }
}
