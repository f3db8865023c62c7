// freePort: waits for what a killed gleanerd leaves, and tells in one sentence what stays taken.

import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type ClaimedPorts, claimBlock } from "../../../../scripts/cluster/ports.js";
import { freePort } from "../../../../src/daemon/startup/free-port.js";

let holder: Server;
let claimed: ClaimedPorts;
let port: number;

beforeEach(async () => {
  claimed = await claimBlock(1);
  port = claimed.first;
  holder = createServer();
  holder.listen(port, "127.0.0.1");
  await once(holder, "listening");
});
afterEach(() => {
  holder.close();
  claimed.release();
});

test("waits until the port is free", async () => {
  const free = freePort("listen.apiPort", "127.0.0.1", port);
  holder.close();
  await free;
});

test("a port that stays taken is refused with its setting", async () => {
  await expect(freePort("listen.apiPort", "127.0.0.1", port)).rejects.toMatchObject({
    code: "CONFIG",
    message: `port ${port} (listen.apiPort) is taken by another program: end it, or set another port`,
  });
});

test("an address of another machine is refused at once", async () => {
  await expect(freePort("listen.apiPort", "192.0.2.1", 0)).rejects.toMatchObject({
    code: "CONFIG",
    message: expect.stringContaining("cannot listen on 192.0.2.1"),
  });
});
