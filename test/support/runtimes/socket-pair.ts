// Two ends of a stream socket in this process.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export async function socketPair(): Promise<readonly [Socket, Socket]> {
  const folder = mkdtempSync(join(tmpdir(), "gleaner-pair-"));
  const server = createServer();
  server.listen(join(folder, "s"));
  await once(server, "listening");
  const near = connect(join(folder, "s"));
  const [far] = (await once(server, "connection")) as [Socket];
  server.close();
  rmSync(folder, { recursive: true });
  return [near, far];
}
