// What a worker's process printed last: it may still be on its way when the end of the process is
// known, or even the connection itself.

import type { Socket } from "node:net";
import { clearTimeout, setImmediate, setTimeout } from "../../../clock.js";

/** To accept the connection, to read whose it is, and to read what it has; one to spare. */
const turns = 4;
/** The connection ends with the process, unless a child outlived it that cannot be found. */
const mostMs = 500;

export class LastWords {
  private output: Socket | null = null;

  /** `socket`: of its standard output and error. */
  listen(socket: Socket, print: (piece: Buffer) => void): void {
    this.output = socket;
    socket.on("data", print);
    socket.resume();
  }

  /** Resolves once everything was read that a process which has ended left behind. */
  async heard(): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await new Promise<void>(setImmediate);
    const { output } = this;
    if (output === null || output.closed) return;
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, mostMs);
      output.once("close", () => {
        clearTimeout(late);
        resolve();
      });
    });
  }
}
