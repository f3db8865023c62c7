// Whether somebody listens on a port, seen without taking it, and ports that stay free.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "@jest/globals";
import { freePorts, isListenedOn } from "../../../scripts/cluster/ports.js";

test.each(["127.0.0.1", "0.0.0.0"])(
  "a port on %s is listened on while a server has it",
  async (host) => {
    const server = createServer();
    await once(server.listen(0, host), "listening");
    const { port } = server.address() as AddressInfo;
    expect(isListenedOn(port)).toBe(true);
    server.close();
    await once(server, "close");
    expect(isListenedOn(port)).toBe(false);
  },
);

test("the kernel gives none of the free ports to a connection", async () => {
  const [first] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split(/\s+/);
  const ports = await freePorts(50);
  expect(new Set(ports).size).toBe(50);
  expect(Math.max(...ports)).toBeLessThan(Number(first));
  expect(ports.filter(isListenedOn)).toEqual([]);
});
