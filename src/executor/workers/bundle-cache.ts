// The code of functions on this node: each version is fetched once from gleanerd, checked by its
// hash, unpacked into a folder that only this process's user can change, and used by all workers.

import { existsSync, readdirSync, renameSync, type Stats, statSync, utimesSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { maxBlobBytes } from "../../bundle/limits.js";
import { removeUnpacked, unpackBundle, versionOfUnpacked } from "../../bundle/unpack.js";
import { UnpackedSizes } from "../../bundle/unpacked-sizes.js";
import { nowMs } from "../../clock.js";
import { errorCodeOf, GleanerError, messageOf } from "../../model/errors.js";
import type { VersionId } from "../../model/ids.js";
import type { BundleMessage } from "../../wire/calls.js";
import { BundleArrivals } from "./bundle-arrivals.js";
import { isFull, makePublicFolder, problemOf } from "./public-folder.js";

/** What may lie in the cache. */
export interface Room {
  readonly versions: number;
  readonly bytes: number;
}

/** 64 bundles of the largest size, or many small ones, through whose folders each fetch goes. */
const whole: Room = { versions: 1_024, bytes: 64 * maxBlobBytes };
const nothing: Room = { versions: 0, bytes: 0 };
/** What another executor of this node used in this time stays: a worker of its may be starting. */
const othersStayMs = 30_000;
/** The file system keeps times a little less exactly than they are set. */
const exactMs = 2;

export class BundleCache {
  /** Versions that were checked since this process started, or are being fetched. */
  private readonly folders = new Map<VersionId, Promise<string>>();
  /** When this process used a folder last; a later time is another executor's. */
  private readonly usedHereAtMs = new Map<string, number>();
  /** When another executor was found to have used one. */
  private readonly usedElsewhereAtMs = new Map<string, number>();
  private readonly arrivals: BundleArrivals;
  private readonly sizes: UnpackedSizes;

  /**
   * `ask` sends for a version; its parts come to `arrived`. `inUse`: the versions of all workers,
   * which must stay.
   */
  constructor(
    private readonly root: string,
    ask: (version: VersionId) => void,
    private readonly inUse: () => ReadonlySet<VersionId>,
    private readonly room: Room = whole,
  ) {
    this.sizes = new UnpackedSizes(root);
    this.arrivals = new BundleArrivals(ask);
  }

  /** The folder of a version; rejects with a GleanerError if it cannot be had. */
  async folderOf(version: VersionId): Promise<string> {
    const known = this.folders.get(version);
    if (known !== undefined) {
      const folder = await known;
      if (this.touch(folder)) return folder;
      // Another executor of this node has removed it.
      this.forget(version, known);
      return this.folderOf(version);
    }
    const folder = this.find(version).catch((thrown: unknown) => {
      throw problemOf(this.root, thrown);
    });
    this.folders.set(version, folder);
    folder.catch(() => this.forget(version, folder));
    return folder;
  }

  /** It may be fetched again already, and nobody else may fetch it beside that. */
  private forget(version: VersionId, known: Promise<string> | undefined): void {
    if (this.folders.get(version) === known) this.folders.delete(version);
  }

  arrived(message: BundleMessage): void {
    this.arrivals.arrived(message);
  }

  disconnected(): void {
    this.arrivals.disconnected();
  }

  private async find(version: VersionId): Promise<string> {
    makePublicFolder(dirname(this.root));
    // Code is private to those who may call it: see runtimes/code-readers.ts.
    makePublicFolder(this.root, 0o711);
    const folder = join(this.root, version);
    const found = lookAt(folder);
    if (found !== null) {
      if ((await isIntact(folder, version)) && this.touch(folder)) return folder;
      await this.remove(version, ({ ino }) => ino === found.ino);
    }
    const { versions, bytes } = this.room;
    await this.makeRoom({ versions: versions - 1, bytes: bytes - maxBlobBytes });
    const fresh = join(this.root, `.${version}.${process.pid}`);
    await this.unpack(version, fresh);
    try {
      renameSync(fresh, folder);
      this.usedHereAtMs.set(version, usedAtMs(folder));
    } catch (thrown) {
      await removeUnpacked(fresh);
      // Another executor of this node was quicker.
      if (!existsSync(folder)) throw thrown;
    }
    this.touch(folder);
    return folder;
  }

  private async unpack(version: VersionId, fresh: string): Promise<void> {
    for (;;) {
      await removeUnpacked(fresh);
      try {
        await unpackBundle(this.arrivals.fetch(version), fresh, version);
        return;
      } catch (thrown) {
        await this.giveWay(thrown, "deploy less code");
      }
    }
  }

  /**
   * Something failed to be written beside the cache: if the disk is full, versions that no worker
   * uses give way to it. Throws if that does not help, with what else the user can do.
   */
  async giveWay(thrown: unknown, advice: string): Promise<void> {
    if (isFull(thrown) && (await this.makeRoom(nothing)) > 0) return;
    throw problemOf(this.root, thrown, advice);
  }

  /**
   * Keeps at most that: the versions that were used longest ago go first, but none of a worker's.
   * Returns how many went.
   */
  private async makeRoom({ versions, bytes }: Room): Promise<number> {
    let left = readdirSync(this.root).length;
    if (left <= versions && left * maxBlobBytes <= bytes) return 0;
    const sizes = await this.sizes.of(readdirSync(this.root));
    let leftBytes = [...sizes.values()].reduce((sum, each) => sum + each, 0);
    left = sizes.size;
    let removed = 0;
    for (const { name, usedAtMs } of this.unused()) {
      if (left <= versions && leftBytes <= bytes) break;
      const known = this.folders.get(name as VersionId);
      if (!(await this.remove(name, ({ mtimeMs }) => mtimeMs === usedAtMs))) continue;
      this.forget(name as VersionId, known);
      left--;
      leftBytes -= sizes.get(name) ?? 0;
      removed++;
    }
    return removed;
  }

  /** What no worker uses, the one that was used longest ago first. */
  private unused(): readonly { readonly name: string; readonly usedAtMs: number }[] {
    const inUse = this.inUse();
    return readdirSync(this.root)
      .filter((name) => !inUse.has(name as VersionId) && !name.endsWith(`.${process.pid}`))
      .map((name) => ({ name, usedAtMs: usedAtMs(join(this.root, name)) }))
      .filter((each) => !this.isOthers(each))
      .sort((one, other) => one.usedAtMs - other.usedAtMs);
  }

  private isOthers({ name, usedAtMs }: { readonly name: string; readonly usedAtMs: number }) {
    this.noteOthers(name, usedAtMs);
    const elsewhereAtMs = this.usedElsewhereAtMs.get(name) ?? Number.NEGATIVE_INFINITY;
    return nowMs() - elsewhereAtMs < othersStayMs;
  }

  /** Its own next use would hide that of another executor. */
  private noteOthers(name: string, usedAtMs: number): void {
    const hereAtMs = this.usedHereAtMs.get(name) ?? 0;
    if (usedAtMs > hereAtMs + exactMs) this.usedElsewhereAtMs.set(name, usedAtMs);
  }

  /**
   * Only one executor of this node removes it, and nobody finds half of it. It stays if it is not
   * `asBefore`: another executor has used or replaced it since it was chosen. Returns whether it is
   * gone.
   */
  private async remove(name: string, asBefore: (found: Stats) => boolean): Promise<boolean> {
    const folder = join(this.root, name);
    const gone = join(this.root, `.gone.${name}.${process.pid}`);
    try {
      renameSync(folder, gone);
      if (!asBefore(statSync(gone)) && isRenamed(gone, folder)) return false;
    } catch (thrown) {
      // Another executor removes it.
      if (!isMissing(thrown)) throw thrown;
    }
    this.usedHereAtMs.delete(name);
    this.usedElsewhereAtMs.delete(name);
    await removeUnpacked(gone);
    return true;
  }

  /** The time of a folder is that of its last use. Returns false if it is gone. */
  private touch(folder: string): boolean {
    const atMs = nowMs();
    try {
      this.noteOthers(basename(folder), usedAtMs(folder));
      utimesSync(folder, atMs / 1_000, atMs / 1_000);
    } catch (thrown) {
      if (isMissing(thrown)) return false;
      // Code that is there serves also where nothing can be written.
      if (errorCodeOf(thrown) !== "EROFS") throw thrown;
    }
    this.usedHereAtMs.set(basename(folder), atMs);
    return true;
  }
}

/** false if another executor has put one there. */
function isRenamed(folder: string, to: string): boolean {
  try {
    renameSync(folder, to);
    return true;
  } catch (thrown) {
    if (["ENOTEMPTY", "EEXIST"].includes(errorCodeOf(thrown) ?? "")) return false;
    throw thrown;
  }
}

const isMissing = (thrown: unknown): boolean => errorCodeOf(thrown) === "ENOENT";

async function isIntact(folder: string, version: VersionId): Promise<boolean> {
  try {
    return (await versionOfUnpacked(folder)) === version;
  } catch {
    return false;
  }
}

const usedAtMs = (folder: string): number => lookAt(folder)?.mtimeMs ?? 0;

/** null if it is missing. */
function lookAt(folder: string): Stats | null {
  try {
    return statSync(folder);
  } catch (thrown) {
    if (isMissing(thrown)) return null;
    throw new GleanerError("STORE", `${folder} cannot be read: ${messageOf(thrown)}`);
  }
}
