// Waits until a connection is over, however it ends.

import type { Duplex } from "node:stream";

/** Resolves also after a reset, with which a peer may close that has not read everything. */
export function closed(socket: Duplex): Promise<void> {
  socket.on("error", () => {});
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once("close", () => resolve());
  });
}
