// Opens the store: a thread that writes in groups, one that reads, and one for reports, behind the
// Store port.

import { dirname, join } from "node:path";
import type { Store } from "../../core/ports/store.js";
import { createStore } from "./create-store.js";
import { WorkerClient } from "./worker-client.js";

/**
 * Opens (creates, migrates) the database `file`. `workerFile` is the bundled
 * src/store/sqlite/worker.ts; the migrations are in `migrations/` beside it. `ledgerKey` (hex)
 * seals the ledger. Reads see every write that was resolved before they were called; they have
 * their own thread, and reports another: a check of millions of postings must not delay a
 * submission or a list. Throws a GleanerError with code STORE.
 */
export async function openStore(
  file: string,
  workerFile: string,
  ledgerKey: string,
): Promise<Store> {
  const data = { file, migrationsDirectory: join(dirname(workerFile), "migrations"), ledgerKey };
  const writing = await WorkerClient.open(workerFile, { ...data, access: "write" });
  const reading = await WorkerClient.open(workerFile, { ...data, access: "read" }).catch(
    async (error) => {
      await writing.close();
      throw error;
    },
  );
  const reporting = await WorkerClient.open(workerFile, { ...data, access: "read" }).catch(
    async (error) => {
      await reading.close();
      await writing.close();
      throw error;
    },
  );
  const close = async (): Promise<void> => {
    // The last connection to close empties the write-ahead log into the file: that must be the
    // writing one.
    await Promise.all([reading.close("refuse"), reporting.close("refuse")]);
    await writing.close();
  };
  return createStore({ write: writing, read: reading, report: reporting }, close);
}
