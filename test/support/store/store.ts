// A store for tests: the worker bundled once per test file, databases in a temporary folder.

import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "@jest/globals";
import { build } from "esbuild";
import type { Store } from "../../../src/core/ports/store.js";
import { openStore } from "../../../src/store/sqlite/open.js";

export interface StoreFolder {
  readonly folder: string;
  readonly workerFile: string;
  /** A path for a new database. */
  newFile(): string;
  open(file: string): Promise<Store>;
  /** Closes what a failed test left open, and removes the folder. */
  remove(): Promise<void>;
}

/** Bundles `entries` (name: source file) beside the store's worker; remove() when done. */
export async function makeStoreFolder(
  entries: Readonly<Record<string, string>> = {},
): Promise<StoreFolder> {
  const folder = mkdtempSync(join(tmpdir(), "gleaner-store-"));
  await build({
    entryPoints: { "store-worker": "src/store/sqlite/worker.ts", ...entries },
    outdir: folder,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    external: ["better-sqlite3"],
    logLevel: "warning",
  });
  cpSync("src/store/sqlite/migrations", join(folder, "migrations"), { recursive: true });
  // Small ids are easier to read; test/unit/store/sqlite/ids.test.ts has the real ones.
  writeFileSync(join(folder, "migrations", "0006_ids.sql"), "SELECT 1;");
  // The native module is not bundled: it is found from here.
  symlinkSync(join(process.cwd(), "node_modules"), join(folder, "node_modules"));
  const workerFile = join(folder, "store-worker.cjs");
  const opened: Store[] = [];
  let files = 0;
  return {
    folder,
    workerFile,
    newFile: () => join(folder, `state-${++files}`, "gleaner.db"),
    async open(file) {
      const store = await openStore(file, workerFile, "5eed".repeat(16));
      opened.push(store);
      return store;
    },
    async remove() {
      for (const store of opened) await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Gives each test of the calling file a store on a database of its own, and closes it. */
export function storeForEachTest(
  give: (store: Store, file: string, folder: StoreFolder) => void,
): void {
  let folder: StoreFolder;
  let store: Store;
  beforeAll(async () => {
    folder = await makeStoreFolder();
  });
  afterAll(() => folder.remove());
  beforeEach(async () => {
    const file = folder.newFile();
    store = await folder.open(file);
    give(store, file, folder);
  });
  afterEach(() => store.close());
}
