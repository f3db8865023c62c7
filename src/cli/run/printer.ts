// What the tasks print, on its way to standard output and error, or to files.

import { type LineSettings, Lines } from "./lines.js";
import type { RunSettings, Side } from "./options.js";
import { type FileSettings, type KnownNames, OutputFiles } from "./output-files.js";
import { Sink } from "./sink.js";

type Stream = "output" | "errors";
export type PrinterSettings = LineSettings & FileSettings & Pick<RunSettings, Stream>;

export class Printer {
  printedBytes = 0;
  private readonly lines: Lines;
  private readonly standard: Readonly<Record<Stream, Sink>>;
  private readonly files: OutputFiles;
  private readonly sides: Readonly<Record<Stream, Side>>;

  /**
   * Opens the files whose names are known already; throws BAD_REQUEST if one cannot be opened.
   * `onRoom`: more can be printed again; `onBroken`: nobody reads any more, or a file has a
   * `problem`.
   */
  constructor(settings: PrinterSettings, onRoom: () => void, onBroken: () => void) {
    const { output, errors } = settings;
    this.lines = new Lines(settings);
    this.sides = { output, errors };
    this.standard = {
      output: new Sink(1, onRoom, onBroken),
      errors: new Sink(2, onRoom, onBroken),
    };
    const patterns = [output, errors].flatMap((to) => (typeof to === "object" ? to.file : []));
    this.files = new OutputFiles(patterns, settings, onRoom, onBroken);
    this.files.know({});
  }

  /** Opens the files whose names have these in them; throws BAD_REQUEST if one cannot be opened. */
  know(more: KnownNames): void {
    this.files.know(more);
  }

  /** False if no more should come until `onRoom`. */
  print(task: number, stream: Stream, bytes: Buffer): boolean {
    const sink = this.sinkOf(task, stream);
    if (sink === undefined) return true;
    this.printedBytes += bytes.length;
    sink.push(this.lines.take(task, stream, bytes));
    return !sink.isFull;
  }

  /** The task prints nothing more. */
  ended(task: number): void {
    for (const stream of ["output", "errors"] as const)
      this.sinkOf(task, stream)?.push(this.lines.end(task, stream));
  }

  /** Whether a reader that does not read holds the program up. */
  get isBlocked(): boolean {
    return this.sinks.some(({ isWriting }) => isWriting);
  }

  /** The sentence on a file that could not be written. */
  get problem(): string | null {
    return this.files.problem;
  }

  /** Resolves once all is written, as far as it can be, and closes the files. */
  async finish(): Promise<void> {
    await Promise.all(this.sinks.map((sink) => sink.flushed()));
    this.files.close();
  }

  private get sinks(): readonly Sink[] {
    return [this.standard.output, this.standard.errors, ...this.files.sinks];
  }

  /** Undefined: nobody gets it. */
  private sinkOf(task: number, stream: Stream): Sink | undefined {
    const side = this.sides[stream];
    if (typeof side === "object") return this.files.sinkOf(side.file, task);
    return side === "all" || side === task ? this.standard[stream] : undefined;
  }
}
