// Functions as the store has them, with the most recently used in memory: a call looks its function
// up without waiting for the disk. Every change goes through here.

import type { Deployed, FunctionRecord, FunctionVersion } from "../../core/ports/functions.js";
import type { Store } from "../../core/ports/store.js";
import type { VersionKey } from "../../model/ids.js";
import { remember } from "../../model/remember.js";

/** Enough for every function that is called within minutes on a large site. */
const maxRecords = 2_000;
const maxVersionBytes = 16 * 1024 * 1024;
/** What a version takes besides its settings. */
const versionBytes = 500;

type CatalogStore = Pick<
  Store,
  | "deploy"
  | "loadFunction"
  | "loadVersion"
  | "setAlias"
  | "removeAlias"
  | "setSharing"
  | "removeFunction"
  | "removeVersion"
>;

const sizeOf = ({ settings }: FunctionVersion): number =>
  versionBytes + 2 * JSON.stringify(settings).length;

export class Catalog {
  private readonly records = new Map<string, FunctionRecord>();
  private readonly versions = new Map<VersionKey, { version: FunctionVersion; bytes: number }>();
  private bytes = 0;
  /** A record that was read before a change must not be kept after it. */
  private changes = 0;

  constructor(private readonly store: CatalogStore) {}

  /** null if the user has no such function. */
  async find(ownerUid: number, name: string): Promise<FunctionRecord | null> {
    const key = keyOf(ownerUid, name);
    const known = this.records.get(key);
    if (known !== undefined) {
      remember(this.records, key, known, maxRecords);
      return known;
    }
    const before = this.changes;
    const record = await this.store.loadFunction(ownerUid, name);
    if (record !== null && before === this.changes) remember(this.records, key, record, maxRecords);
    return record;
  }

  /** null if nothing refers to it any more; a version never changes. */
  async version(key: VersionKey): Promise<FunctionVersion | null> {
    const known = this.versions.get(key);
    if (known !== undefined) {
      this.versions.delete(key);
      this.versions.set(key, known);
      return known.version;
    }
    const version = await this.store.loadVersion(key);
    if (version !== null) this.remember(key, version);
    return version;
  }

  async deploy(...[deployment, limits]: Parameters<Store["deploy"]>): Promise<Deployed> {
    const { owner, name } = deployment;
    return this.changing(owner.uid, name, () => this.store.deploy(deployment, limits));
  }

  setAlias(of: FunctionRecord, ...args: Parameters<Store["setAlias"]>): Promise<void> {
    return this.changingOne(of, () => this.store.setAlias(...args));
  }

  removeAlias(of: FunctionRecord, alias: string): Promise<boolean> {
    return this.changingOne(of, () => this.store.removeAlias(of.id, alias));
  }

  setSharing(of: FunctionRecord, sharing: FunctionRecord["sharing"]): Promise<void> {
    return this.changingOne(of, () => this.store.setSharing(of.id, sharing));
  }

  remove(of: FunctionRecord, atMs: number): Promise<void> {
    return this.changingOne(of, () => this.store.removeFunction(of.id, atMs));
  }

  removeVersion(of: FunctionRecord, key: VersionKey, atMs: number): Promise<void> {
    return this.changingOne(of, () => this.store.removeVersion(key, atMs));
  }

  private changingOne<T>({ owner, name }: FunctionRecord, change: () => Promise<T>): Promise<T> {
    return this.changing(owner.uid, name, change);
  }

  private async changing<T>(ownerUid: number, name: string, change: () => Promise<T>): Promise<T> {
    try {
      return await change();
    } finally {
      this.changes++;
      this.records.delete(keyOf(ownerUid, name));
    }
  }

  private remember(key: VersionKey, version: FunctionVersion): void {
    if (this.versions.has(key)) return;
    const bytes = sizeOf(version);
    this.versions.set(key, { version, bytes });
    this.bytes += bytes;
    for (const [oldest, { bytes }] of this.versions) {
      if (this.bytes <= maxVersionBytes) break;
      this.versions.delete(oldest);
      this.bytes -= bytes;
    }
  }
}

const keyOf = (ownerUid: number, name: string): string => `${ownerUid} ${name}`;
