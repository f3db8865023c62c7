// A real munged in a folder of its own, for tests of identity.

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MungeOptions } from "../../../src/sdk/index.js";

export class Munged {
  /** Made by start(), because jest ends nothing for a file whose tests are all skipped. */
  private readonly folder = join(tmpdir(), `gleaner-munge-${randomBytes(6).toString("hex")}`);
  readonly socket = join(this.folder, "socket");

  /** Returns when the socket is there. */
  start(): void {
    mkdirSync(this.folder);
    // munged wants its socket to be reachable by all.
    chmodSync(this.folder, 0o711);
    writeFileSync(join(this.folder, "key"), randomBytes(128), { mode: 0o600 });
    const names = ["key", "pid", "log", "seed"].map(
      (name) => `--${name}-file=${join(this.folder, name)}`,
    );
    execFileSync("munged", [`--socket=${this.socket}`, ...names]);
  }

  stop(): void {
    execFileSync("munged", ["--stop", `--socket=${this.socket}`], { stdio: "ignore" });
    rmSync(this.folder, { recursive: true });
  }

  /** For credentials that we ourselves may have decoded. */
  get options(): MungeOptions {
    return { socket: this.socket, daemonUser: String(process.geteuid!()) };
  }
}
