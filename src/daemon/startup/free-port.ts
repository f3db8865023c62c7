// Waits until a port can be listened on: a gleanerd that was killed has it until the kernel has
// ended what it started.

import { once } from "node:events";
import { createServer } from "node:net";
import { monotonicMs, pause } from "../../clock.js";
import { errorCodeOf, GleanerError, messageOf } from "../../model/errors.js";

/** A killed process is gone in milliseconds, on a machine without processor time in a second. */
const waitMs = 5_000;
const retryMs = 20;

/** Rejects with CONFIG if another program has the port, or the address is not this machine's. */
export async function freePort(setting: string, host: string, port: number): Promise<void> {
  for (const startedMs = monotonicMs(); ; await pause(retryMs)) {
    const server = createServer();
    try {
      server.listen(port, host);
      await once(server, "listening");
      server.close();
      await once(server, "close");
      return;
    } catch (cause) {
      const isTaken = errorCodeOf(cause) === "EADDRINUSE";
      if (isTaken && monotonicMs() - startedMs < waitMs) continue;
      throw new GleanerError(
        "CONFIG",
        isTaken
          ? `port ${port} (${setting}) is taken by another program: end it, or set another port`
          : `cannot listen on ${host}, port ${port} (${setting}): ${messageOf(cause)}`,
        { cause },
      );
    }
  }
}
