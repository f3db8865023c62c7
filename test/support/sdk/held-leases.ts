// `glean lease hold` for programs with the C library in tests: a program that leads to this
// process, which holds the lease as glean does, at a made-up gleanerd.

import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GleanerClient } from "../../../src/sdk/client.js";
import { holdLease } from "../../../src/sdk/leases/hold.js";
import { FakeCalls, json, result } from "./fake-calls.js";
import type { Leasing } from "./leasing.js";

const notAName = async (host: string): Promise<string> => {
  throw new Error(`${host} was looked up`);
};

/** `stays`: it closes its output, but never exits. */
const bridge = (port: number, stays: boolean) => `#!${process.execPath}
const socket = require("node:net").connect(${port});
process.stdin.pipe(socket).pipe(process.stdout);
if (${stays}) {
  setInterval(() => {}, 1_000_000);
  socket.on("close", () => require("node:fs").closeSync(1));
}
`;

export class HeldLeases {
  /** Those that gleanerd makes. */
  readonly calls = new FakeCalls();
  /** Each settles at the end of a `glean lease hold`. */
  readonly holds: Promise<void>[] = [];
  private readonly sockets: Socket[] = [];
  /** What its resolver answers. */
  lookUp = notAName;
  private readonly folder = mkdtempSync(join(tmpdir(), "gleaner-held-"));
  /** To be run in the place of glean. */
  readonly glean = join(this.folder, "glean");

  private constructor(
    private readonly server: Server,
    leasing: Leasing,
  ) {
    this.calls.answer = () => result(json("by gleanerd"));
    server.on("connection", (socket) => {
      const client = { ...this.calls, leases: leasing.client() } as unknown as GleanerClient;
      const held = holdLease(client, { function: "echo" }, socket, socket, (host) =>
        this.lookUp(host),
      );
      this.sockets.push(socket);
      this.holds.push(held.finally(() => socket.destroySoon()));
    });
  }

  static async start(leasing: Leasing, { stays = false } = {}): Promise<HeldLeases> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const made = new HeldLeases(server, leasing);
    writeFileSync(made.glean, bridge((server.address() as AddressInfo).port, stays));
    chmodSync(made.glean, 0o755);
    return made;
  }

  /** The output of each ends, as when it has died. */
  die(): void {
    for (const socket of this.sockets) socket.end();
  }

  stop(): void {
    this.server.close();
    rmSync(this.folder, { recursive: true });
  }
}
