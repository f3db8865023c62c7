// A process that sends contents and deploys them as fast as it can and prints what was
// acknowledged, until it is killed.

import { createHash } from "node:crypto";
import { pino } from "pino";
import { Blobs } from "../../../src/daemon/functions/blobs.js";
import { unsetSettings } from "../../../src/model/functions/settings.js";
import { blobHash, versionId } from "../../../src/model/ids.js";
import { createBlobFiles } from "../../../src/store/blobs/blob-files.js";
import { openStore } from "../../../src/store/sqlite/open.js";

const log = pino({ enabled: false });

/** How many contents are on their way at once. */
const width = 3;
const owner = { uid: 1_000, user: "ada" };
const settings = { ...unsetSettings, runtime: "exec", memoryMb: 1, timeLimitMs: 1 } as const;
const limits = { maxFunctions: 10_000, maxVersions: 5 };

const [file, workerFile, folder, prefix] = process.argv.slice(2);

async function main(): Promise<void> {
  const store = await openStore(file!, workerFile!, "5eed".repeat(16));
  const policy = { maxMb: 10_000, maxMbOfUser: 5_000, keepUnusedMs: 0 };
  const reserve = { requireRoom: async () => undefined };
  const blobs = new Blobs({ files: createBlobFiles(folder!), store, reserve, policy, log });
  await blobs.load();
  const one = async (name: string): Promise<void> => {
    const content = Buffer.from(`${name} `.repeat(20_000));
    const hash = createHash("sha256").update(content).digest("hex");
    const announced = { sha256: blobHash(hash), bytes: content.length };
    await blobs.write(owner.uid, announced, chunksOf(content));
    console.log(`kept ${hash}`);
    const request = { requestId: name, owner, name: `f${name.length % 4}`, settings };
    await store.deploy({ ...request, version: versionId(hash), deployedAtMs: Date.now() }, limits);
    console.log(`deployed ${hash}`);
  };
  const clean = async (): Promise<void> => {
    await store.pruneFunctions(Number.MAX_SAFE_INTEGER, [], 10);
    await blobs.removeUnused();
  };
  for (let round = 0; ; round++) {
    const names = Array.from({ length: width }, (_, index) => `${prefix}-${round}-${index}`);
    await Promise.all([...names.map(one), clean()]);
  }
}

async function* chunksOf(content: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
}

void main();
