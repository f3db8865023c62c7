// The code of functions on this node: each version is fetched once from gleanerd, checked by its
// hash, unpacked into a folder that only this process's user can change, and used by all workers.

import { existsSync, readdirSync, renameSync, statSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { removeUnpacked, unpackBundle, versionOfUnpacked } from "../../bundle/unpack.js";
import { nowMs } from "../../clock.js";
import { GleanerError, messageOf } from "../../model/errors.js";
import type { VersionId } from "../../model/ids.js";
import type { BundleMessage } from "../../wire/calls.js";
import { BundleArrivals } from "./bundle-arrivals.js";
import { makePublicFolder } from "./public-folder.js";

/** With bundles of the largest size, 4 GiB. */
const maxVersions = 64;

export class BundleCache {
  /** Versions that were checked since this process started, or are being fetched. */
  private readonly folders = new Map<VersionId, Promise<string>>();
  private readonly arrivals: BundleArrivals;

  /**
   * `ask` sends for a version; its parts come to `arrived`. `inUse`: the versions of all workers,
   * which must stay.
   */
  constructor(
    private readonly root: string,
    ask: (version: VersionId) => void,
    private readonly inUse: () => ReadonlySet<VersionId>,
  ) {
    this.arrivals = new BundleArrivals(ask);
  }

  /** The folder of a version; rejects with a GleanerError if it cannot be had. */
  folderOf(version: VersionId): Promise<string> {
    const known = this.folders.get(version);
    if (known !== undefined) {
      void known.then(touch, () => {}); // whoever waits for it hears of a failure
      return known;
    }
    const folder = this.find(version);
    this.folders.set(version, folder);
    folder.catch(() => this.folders.delete(version));
    return folder;
  }

  arrived(message: BundleMessage): void {
    this.arrivals.arrived(message);
  }

  disconnected(): void {
    this.arrivals.disconnected();
  }

  private async find(version: VersionId): Promise<string> {
    makePublicFolder(dirname(this.root));
    // Code is private to those who may call it: nobody else knows the hash that is its name.
    makePublicFolder(this.root, 0o711);
    const folder = join(this.root, version);
    if (existsSync(folder)) {
      if (await isIntact(folder, version)) {
        touch(folder);
        return folder;
      }
      await removeUnpacked(folder);
    }
    await this.makeRoom();
    const fresh = join(this.root, `.${version}.${process.pid}`);
    await removeUnpacked(fresh);
    await unpackBundle(this.arrivals.fetch(version), fresh, version);
    try {
      renameSync(fresh, folder);
    } catch (thrown) {
      await removeUnpacked(fresh);
      // Another executor of this node was quicker.
      if (!existsSync(folder)) throw thrown;
    }
    return folder;
  }

  /** The versions that were used longest ago go first, but none of a worker's. */
  private async makeRoom(): Promise<void> {
    const names = readdirSync(this.root);
    const inUse = this.inUse();
    const unused = names
      .filter((name) => !inUse.has(name as VersionId))
      .map((name) => ({ name, path: join(this.root, name) }))
      .map((each) => ({ ...each, usedAtMs: usedAtMs(each.path) }))
      .sort((one, other) => one.usedAtMs - other.usedAtMs);
    const surplus = Math.max(0, names.length + 1 - maxVersions);
    for (const { name, path } of unused.slice(0, surplus)) {
      this.folders.delete(name as VersionId);
      await removeUnpacked(path);
    }
  }
}

async function isIntact(folder: string, version: VersionId): Promise<boolean> {
  try {
    return (await versionOfUnpacked(folder)) === version;
  } catch {
    return false;
  }
}

/** The time of a folder is that of its last use. */
function touch(folder: string): void {
  const seconds = nowMs() / 1_000;
  utimesSync(folder, seconds, seconds);
}

function usedAtMs(folder: string): number {
  try {
    return statSync(folder).mtimeMs;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw new GleanerError("STORE", `${folder} cannot be read: ${messageOf(thrown)}`);
  }
}
