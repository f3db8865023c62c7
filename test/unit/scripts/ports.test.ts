// Ports that are claimed, and whether somebody listens on a port, seen without taking it.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { expect, test } from "@jest/globals";
import { claimBlock, isListenedOn } from "../../../scripts/cluster/ports.js";

test.each(["127.0.0.1", "0.0.0.0"])(
  "a port on %s is listened on while a server has it",
  async (host) => {
    // Claimed: the kernel gives it to nobody else once the server has closed.
    const { first: port, release } = await claimBlock(1);
    const server = createServer();
    await once(server.listen(port, host), "listening");
    expect(isListenedOn(port)).toBe(true);
    server.close();
    await once(server, "close");
    expect(isListenedOn(port)).toBe(false);
    release();
  },
);

test("whoever asks for any port gets no claimed one, and nobody claims it until its release", async () => {
  const claimed = await claimBlock(2);
  const file = "/proc/sys/net/ipv4/ip_local_port_range";
  const [firstOfKernel = 0] = readFileSync(file, "utf8").split("\t").map(Number);
  expect(claimed.first + 1).toBeLessThan(firstOfKernel);
  // Nobody listens on them yet: a gleanerd does so seconds after its ports were claimed.
  const others = await Promise.all([claimBlock(2), claimBlock(2)]);
  expect(new Set([claimed, ...others].map(({ first }) => first)).size).toBe(3);
  for (const { release } of [claimed, ...others]) release();
});
