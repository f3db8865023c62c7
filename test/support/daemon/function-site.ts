// The routes for functions and contents over a real store, with contents in memory; for each test
// of the calling file.

import { randomUUID } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach } from "@jest/globals";
import { pino } from "pino";
import type { Store } from "../../../src/core/ports/store.js";
import { blobHandlers } from "../../../src/daemon/api/blobs.js";
import { debuggingHandlers } from "../../../src/daemon/api/debugging.js";
import { functionHandlers } from "../../../src/daemon/api/functions.js";
import { Blobs } from "../../../src/daemon/functions/blobs.js";
import { BundleChecks } from "../../../src/daemon/functions/bundles.js";
import { Catalog } from "../../../src/daemon/functions/catalog.js";
import { Directory } from "../../../src/daemon/functions/directory.js";
import type { ExecutorRecord } from "../../../src/daemon/state/executor-record.js";
import { GleanerError } from "../../../src/model/errors.js";
import { manifestText, unsetSettings } from "../../../src/model/functions/settings.js";
import { packed, settings, type Tree, writeTree } from "../bundle/bundles.js";
import { storeForEachTest } from "../store/store.js";
import { type Answer, TestApi } from "./api.js";
import { MemoryBlobFiles } from "./memory-blobs.js";

const log = pino({ enabled: false });

export const [operator, ada, bob, denied] = [0, 1_000, 1_001, 1_002] as const;

export class FunctionSite {
  api!: TestApi;
  store!: Store;
  folder = "";
  files = new MemoryBlobFiles();
  blobs!: Blobs;
  /** Versions that no worker can load. */
  readonly stopped = new Map<string, string>();
  readonly groups = new Map<number, readonly string[]>();
  /** Those that the routes see. */
  executors: ExecutorRecord[] = [];

  async open(store: Store, folder: string): Promise<void> {
    this.store = store;
    this.folder = folder;
    this.files = new MemoryBlobFiles();
    this.groups.clear();
    this.executors = [];
    const policy = { maxMb: 1_000, maxMbOfUser: 200, keepUnusedMs: 0 };
    const reserve = { requireRoom: async () => undefined };
    this.blobs = new Blobs({ files: this.files, store, reserve, policy, log });
    await this.blobs.load();
    const accounts = {
      byName: async () => null,
      byUid: async (uid: number) => ({ name: `u${uid}`, uid, shell: "/bin/sh" }),
      groupsOf: async ({ uid }: { uid: number }) => this.groups.get(uid) ?? [],
      groupNamed: async (name: string) => (name === "hep" || name === "HEP" ? "hep" : null),
    };
    const access = {
      require: async ({ uid }: { uid: number }) => {
        if (uid === denied) throw new GleanerError("NOT_ALLOWED", "you may not run functions here");
      },
    };
    const catalog = new Catalog(store);
    const directory = new Directory({ catalog, accounts, store });
    const limits = { maxFunctions: 3, maxVersions: 3, maxWarmMbOfUser: 4_000 };
    const admission = { ...limits, defaultMemoryPerCoreMb: 500, defaultTimeLimitMs: 60_000 };
    this.api = await TestApi.open({
      ...blobHandlers({ blobs: this.blobs, access }),
      ...debuggingHandlers({ blobs: this.blobs, directory, access }),
      ...functionHandlers({
        ...{ store, accounts, blobs: this.blobs, catalog, directory, access },
        admission: {
          ...admission,
          ...{ maxTimeLimitMs: 3_600_000, maxEnvironmentBytes: 1_000, allowRootFunctions: true },
        },
        bundleChecks: new BundleChecks(),
        registry: { all: () => this.executors },
        keepAlive: { keptMs: () => 900_000 },
        stoppedFunctions: {
          whyStopped: (_, version) => this.stopped.get(version) ?? null,
          deployed: (version) => void this.stopped.delete(version),
        },
        largestNode: () => ({ cores: 8, memoryMb: 8_000, gpus: 0 }),
      }),
    });
  }

  /** Packs and sends a bundle; returns its version. */
  async upload(tree: Tree, change: Partial<typeof settings> = {}, uid: number = ada) {
    const path = writeTree(mkdtempSync(join(this.folder, "code-")), tree);
    const manifest = manifestText({ ...unsetSettings, ...settings, ...change });
    const { bytes, version } = await packed(path, manifest);
    await this.api.send("PUT", `/v1/blobs/${version}`, uid, bytes);
    return version;
  }

  async deploy(name: string, text: string, more: object = {}, uid: number = ada): Promise<Answer> {
    const bundle = await this.upload({ "main.py": text }, {}, uid);
    return this.api.ask("/v1/functions", uid, { requestId: randomUUID(), name, bundle, ...more });
  }
}

export function functionSite(): FunctionSite {
  const site = new FunctionSite();
  let opening: Promise<void>;
  storeForEachTest((store, _file, { folder }) => {
    opening = site.open(store, folder);
  });
  beforeEach(() => opening);
  afterEach(() => site.api.close());
  return site;
}
