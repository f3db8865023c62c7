// A site without Slurm for a test file: real gleanerd, executors and workers, called over the SDK
// as root.

import { mkdtempSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import Database from "better-sqlite3";
import { startPaperSite } from "../../../scripts/site/paper-site.js";
import type { Site } from "../../../scripts/site/site.js";
import { GleanerError } from "../../../src/model/errors.js";
import { GleanerClient } from "../../../src/sdk/client.js";
import { Connection } from "../../../src/sdk/connection.js";
import type { FunctionCode } from "../executor/function-code.js";

/** Two nodes of 4 cores. `prepare` is called with the folder before anything is in it. */
export async function paperSite(
  config: Record<string, Record<string, unknown>> = {},
  prepare: (dir: string) => void = () => {},
): Promise<PaperSite> {
  const dir = mkdtempSync(join(tmpdir(), "gleaner-paper-"));
  prepare(dir);
  const access = { allowRootFunctions: true };
  const size = { nodes: 2, cpus: 4, memoryMb: 8_000 };
  return new PaperSite(await startPaperSite({ dir, ...size, config: { access, ...config } }));
}

export class PaperSite {
  readonly client: GleanerClient;
  readonly gleaner: Connection;
  private readonly database: Database.Database;

  constructor(readonly site: Site) {
    this.client = new GleanerClient({
      address: { host: "127.0.0.1", port: site.ports.apiPort },
      munge: { socket: site.cluster.mungeSocket, daemonUser: userInfo().username },
      cacheDirectory: null,
      cacheKey: "",
    });
    this.gleaner = new Connection(this.client);
    this.database = new Database(join(site.files.state, "gleaner.db"), { readonly: true });
  }

  /** A folder that every user may write to. */
  get work(): string {
    return join(this.site.cluster.dir, "work");
  }

  async deploy(name: string, { version, bundle }: FunctionCode, requestId: string): Promise<void> {
    const open = async function* () {
      yield bundle;
    };
    await this.client.functions.putBlob(version, { bytes: bundle.length, open });
    await this.client.functions.deploy({ requestId, name, bundle: version });
  }

  /** What the database has, by one number. */
  count(sql: string): number {
    return this.database.prepare(sql).pluck().get() as number;
  }

  async stop(): Promise<void> {
    this.database.close();
    await this.site.stop();
  }
}

/** Asks again while gleanerd is away, as a program does that must have an answer. */
export async function persistently<T>(ask: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof GleanerError) || error.code !== "UNREACHABLE") throw error;
      await pause(50);
    }
}
