// One daemon per state directory: a lock that the kernel releases when its holder dies, however it
// dies.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { realpathSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { GleanerError } from "../../model/errors.js";

/** Holds the lock until the returned server is closed; throws if another daemon has it. */
export async function takeLock(stateDirectory: string): Promise<Server> {
  const digest = createHash("sha256").update(realpathSync(stateDirectory)).digest("hex");
  const server = createServer((socket) => socket.destroy());
  // An abstract socket: a name without a file, so nothing stale is left behind.
  server.listen(`\0gleanerd-${digest}`);
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new GleanerError(
      "CONFIG",
      `another gleanerd uses ${stateDirectory}: stop it first, or give this one another stateDirectory`,
      { cause },
    );
  }
  return server;
}
