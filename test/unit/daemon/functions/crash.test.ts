// kill -9 at any step of an upload or a deploy: no record is without its content, and nothing that
// was acknowledged and is still in use is lost.

import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { pino } from "pino";
import type { Store } from "../../../../src/core/ports/store.js";
import { Blobs } from "../../../../src/daemon/functions/blobs.js";
import { blobHash } from "../../../../src/model/ids.js";
import { createBlobFiles } from "../../../../src/store/blobs/blob-files.js";
import { makeStoreFolder, type StoreFolder } from "../../../support/store/store.js";

const log = pino({ enabled: false });

let folder: StoreFolder;
beforeAll(async () => {
  folder = await makeStoreFolder({ child: "test/support/daemon/deploy-child.ts" });
});
afterAll(() => folder.remove());

/** The hashes that the child deployed, in order; it is killed after so many lines. */
async function deployedUntilKilled(child: ChildProcess, lines: number): Promise<string[]> {
  const exited = once(child, "exit");
  const deployed: string[] = [];
  let count = 0;
  for await (const line of createInterface({ input: child.stdout! })) {
    const [what, hash] = line.split(" ");
    if (what === "deployed") deployed.push(hash!);
    if (++count === lines) child.kill("SIGKILL");
  }
  await exited;
  expect(child.signalCode).toBe("SIGKILL");
  return deployed;
}

/** The hashes of all versions that can be called. */
async function versionsIn(store: Store): Promise<string[]> {
  const { functions } = await store.listFunctions({ limit: 100 });
  const records = functions.map(({ owner, name }) => store.loadFunction(owner.uid, name));
  return (await Promise.all(records)).flatMap((record) =>
    record!.versions.map(({ version }) => version as string),
  );
}

test("every record has its content, whatever was being written", async () => {
  const file = folder.newFile();
  const contents = join(file, "..", "blobs");
  for (const lines of [1, 8, 23, 60]) {
    const args = [join(folder.folder, "child.cjs"), file, folder.workerFile, contents, `r${lines}`];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const deployed = await deployedUntilKilled(child, lines);
    const store = await folder.open(file);
    const versions = await versionsIn(store);
    if (deployed.length > 0) expect(versions).toContain(deployed.at(-1));
    const files = createBlobFiles(contents);
    const policy = { maxMb: 10_000, maxMbOfUser: 5_000, keepUnusedMs: 0 };
    const reserve = { requireRoom: async () => undefined };
    const blobs = new Blobs({ files, store, reserve, policy, log });
    await blobs.load();
    expect(readdirSync(join(contents, "new"))).toEqual([]);
    for (const each of versions) {
      const hash = createHash("sha256");
      for await (const chunk of (await blobs.open(blobHash(each))).content) hash.update(chunk);
      expect(hash.digest("hex")).toBe(each);
    }
    await blobs.removeUnrecorded();
    for await (const found of files.list())
      expect(await store.knownBlobs(found)).toHaveLength(found.length);
    await store.close();
  }
}, 60_000);
