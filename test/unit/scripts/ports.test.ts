// Whether somebody listens on a port, seen without taking it.

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "@jest/globals";
import { isListenedOn } from "../../../scripts/cluster/ports.js";

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
