// A run's connection to the node where its command runs, from its acceptance to its end.

import {
  allTasks,
  encodeRunFrame,
  maxPayloadBytes,
  type RunFrame,
  RunFrameError,
} from "../../wire/run/frames.js";
import {
  decodeFields,
  encodeFields,
  numberField,
  requiredField,
} from "../../wire/worker/fields.js";
import type { Arrival } from "./handshake.js";

/** How the node starts the tasks. */
export interface RunStart {
  readonly pty: { readonly rows: number; readonly columns: number; readonly term: string } | null;
  readonly unbuffered: boolean;
  /** Who gets the client's input. */
  readonly input: "all" | "none" | number;
}

/** How a task ended: one of the two is set. */
export interface TaskEnd {
  readonly code: number | null;
  readonly signal: number | null;
}

export interface SessionEvents {
  onStarted(task: number, node: string): void;
  /** It could not be started; its end follows. */
  onFailed(task: number, program: string, problem: string): void;
  /** If it returns false, call `resume` when there is room again. */
  onOutput(task: number, stream: "output" | "errors", bytes: Buffer): boolean;
  onExited(task: number, end: TaskEnd): void;
  /** The place will close, or the time limit comes. */
  onNotice(): void;
  /** More input may be sent. */
  onInputRoom(): void;
  /** `isOver`: all tasks had ended, and all that they printed was here; else the node is gone. */
  onClosed(isOver: boolean): void;
}

export class RunSession {
  readonly attempt: number;
  /** Input that may be sent before the tasks have taken what was sent. */
  private roomBytes = maxPayloadBytes;
  private isOver = false;
  private isClosed = false;

  constructor(
    private readonly arrival: Arrival,
    { pty, unbuffered, input }: RunStart,
    private readonly events: SessionEvents,
  ) {
    const { socket, attempt } = arrival;
    this.attempt = attempt;
    socket.on("data", (piece: Buffer) => this.take(piece));
    socket.once("close", () => this.close());
    const { rows, columns, term } = pty ?? {};
    const start = { pty: pty === null ? 0 : 1, rows, columns, term };
    const fields = encodeFields({ ...start, unbuffered: unbuffered ? 1 : 0, input });
    socket.write(encodeRunFrame("accepted", 0, fields));
    socket.resume();
  }

  get inputRoom(): number {
    return this.isOver || this.isClosed ? 0 : this.roomBytes;
  }

  /** At most `inputRoom` bytes; none: the input is over. */
  sendInput(bytes: Uint8Array): void {
    this.roomBytes -= bytes.length;
    this.send("input", allTasks, bytes);
  }

  signal(number: number, task = allTasks): void {
    this.send("signal", task, encodeFields({ signal: number }));
  }

  resize(rows: number, columns: number): void {
    this.send("window", 0, encodeFields({ rows, columns }));
  }

  resume(): void {
    this.arrival.socket.resume();
  }

  /** The node ends the tasks. */
  hangUp(): void {
    this.arrival.socket.destroy();
  }

  private send(type: "input" | "signal" | "window", task: number, payload: Uint8Array): void {
    if (!this.isOver && !this.isClosed)
      this.arrival.socket.write(encodeRunFrame(type, task, payload));
  }

  private take(piece: Buffer): void {
    try {
      for (const frame of this.arrival.decoder.push(piece)) this.heard(frame);
    } catch {
      // What follows cannot be understood, as if the node were gone.
      this.hangUp();
    }
  }

  private heard({ type, task, payload }: RunFrame): void {
    const { events } = this;
    if (type === "output" || type === "errors") {
      if (!events.onOutput(task, type, payload)) this.arrival.socket.pause();
      return;
    }
    const fields = decodeFields(payload);
    const number = (name: string): number | null => numberField(fields, name) ?? null;
    if (type === "started" || type === "failed")
      events.onStarted(task, requiredField(fields, "node"));
    if (type === "started") return;
    if (type === "failed") {
      const [program, problem] = ["program", "problem"].map((name) => requiredField(fields, name));
      events.onFailed(task, program!, problem!);
    } else if (type === "exited")
      events.onExited(task, { code: number("code"), signal: number("signal") });
    else if (type === "taken") {
      this.roomBytes = Math.min(maxPayloadBytes, this.roomBytes + (number("bytes") ?? 0));
      events.onInputRoom();
    } else if (type === "notice") events.onNotice();
    else if (type === "over") {
      this.isOver = true;
      // The node waits for this: from now on it sends nothing more.
      this.arrival.socket.end();
      this.close();
    } else throw new RunFrameError(`a node sends no ${type}`);
  }

  private close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.events.onClosed(this.isOver);
  }
}
