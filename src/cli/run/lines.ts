// Keeps the lines of several tasks apart that share standard output.

/** A line that is longer is printed in parts. */
const maxLineBytes = 64 * 1024;
const newline = 10;

/** How lines are kept together. */
export interface LineSettings {
  readonly tasks: number;
  readonly label: boolean;
  /** Everything is passed on as it comes, unless it is labelled. */
  readonly unbuffered: boolean;
}

interface Partial {
  pieces: Buffer[];
  bytes: number;
  /** A part of the line was printed. */
  isOpen: boolean;
}

/** Puts what the tasks print together to whole lines; what it returns is printed at once. */
export class Lines {
  private readonly partials = new Map<string, Partial>();
  private readonly isDirect: boolean;

  constructor(private readonly settings: LineSettings) {
    const { tasks, label, unbuffered } = settings;
    this.isDirect = !label && (tasks === 1 || unbuffered);
  }

  take(task: number, stream: string, bytes: Buffer): Buffer {
    if (this.isDirect) return bytes;
    const key = `${task} ${stream}`;
    const partial = this.partials.get(key) ?? { pieces: [], bytes: 0, isOpen: false };
    this.partials.set(key, partial);
    const out: Buffer[] = [];
    let rest = bytes;
    for (let end = rest.indexOf(newline); end >= 0; end = rest.indexOf(newline)) {
      out.push(...this.lineOf(task, partial), rest.subarray(0, end + 1));
      this.reset(partial, false);
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) {
      partial.pieces.push(rest);
      partial.bytes += rest.length;
    }
    if (partial.bytes > maxLineBytes) {
      out.push(...this.lineOf(task, partial));
      this.reset(partial, true);
    }
    return Buffer.concat(out);
  }

  /** The rest of a stream: a line without an end gets one if it has a label. */
  end(task: number, stream: string): Buffer {
    const partial = this.partials.get(`${task} ${stream}`);
    if (partial === undefined || (partial.bytes === 0 && !partial.isOpen)) return Buffer.alloc(0);
    const line = this.lineOf(task, partial);
    this.reset(partial, false);
    return Buffer.concat(this.settings.label ? [...line, Buffer.from("\n")] : line);
  }

  private lineOf(task: number, { pieces, isOpen }: Partial): Buffer[] {
    if (!this.settings.label || isOpen) return pieces;
    const digits = String(this.settings.tasks - 1).length;
    return [Buffer.from(`${String(task).padStart(digits)}: `), ...pieces];
  }

  private reset(partial: Partial, isOpen: boolean): void {
    partial.pieces = [];
    partial.bytes = 0;
    partial.isOpen = isOpen;
  }
}
