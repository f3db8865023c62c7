// The store's records of functions and of the contents that gleanerd keeps by their hash; a part of
// the port Store.

import type { FunctionRuntime, FunctionSettings, Sharing } from "../../model/functions/settings.js";
import type { BlobHash, VersionId, VersionKey } from "../../model/ids.js";

/** A content of one user; the same content of another user is another record. */
export interface BlobRow {
  readonly ownerUid: number;
  readonly sha256: BlobHash;
  readonly bytes: number;
  /** The last time that its owner sent it. */
  readonly keptAtMs: number;
}

/** A function with all that can be named of it. */
export interface FunctionRecord {
  readonly id: number;
  readonly owner: FunctionOwner;
  readonly name: string;
  readonly sharing: Sharing;
  readonly aliases: readonly { readonly alias: string; readonly version: VersionId }[];
  /** Not removed; the newest first. */
  readonly versions: readonly FunctionVersionRow[];
}

export interface FunctionOwner {
  readonly uid: number;
  /** A label: what the uid was called at the last deploy. */
  readonly user: string;
}

export interface FunctionVersionRow {
  readonly key: VersionKey;
  readonly version: VersionId;
  readonly runtime: FunctionRuntime;
  /** The size of its bundle. */
  readonly bytes: number;
  readonly deployedAtMs: number;
}

/** One version with what a call of it needs. It never changes; a removed one is found, too. */
export interface FunctionVersion extends FunctionVersionRow {
  readonly owner: FunctionOwner;
  readonly name: string;
  readonly settings: FunctionSettings;
}

export interface Deployment {
  /** Chosen by the client: a request sent twice moves no alias back. */
  readonly requestId: string;
  readonly owner: FunctionOwner;
  readonly name: string;
  readonly version: VersionId;
  readonly settings: FunctionSettings;
  /** If omitted, a function keeps what it has; a new one is shared with nobody. */
  readonly sharing?: Sharing;
  readonly deployedAtMs: number;
}

export interface DeployLimits {
  /** The functions that one user may have. */
  readonly maxFunctions: number;
  /** The versions of one function: the oldest without an alias make room. */
  readonly maxVersions: number;
}

export interface Deployed {
  readonly key: VersionKey;
  /** Whether the function had this version before. */
  readonly isKnown: boolean;
  /** Versions that made room for it. */
  readonly removed: readonly VersionId[];
}

export interface FunctionFilter {
  /** The owner; if omitted, all users. */
  readonly ownerUid?: number;
  /** If given, only what this user owns or may call. */
  readonly visibleTo?: { readonly uid: number; readonly groups: readonly string[] };
  readonly limit: number;
}

/** A function in a list. */
export interface FunctionSummary {
  readonly owner: FunctionOwner;
  readonly name: string;
  readonly sharing: Sharing;
  /** The version that `latest` points to. */
  readonly version: VersionId;
  readonly runtime: FunctionRuntime;
  readonly versions: number;
  /** The sum over its versions. */
  readonly bytes: number;
  readonly deployedAtMs: number;
}

export interface FunctionStore {
  /** Returns whether its owner did not have it before. */
  keepBlob(blob: BlobRow): Promise<boolean>;
  loadBlob(ownerUid: number, sha256: BlobHash): Promise<BlobRow | null>;
  /** What each user has. */
  loadBlobUse(): Promise<readonly { readonly uid: number; readonly bytes: number }[]>;
  /** Those of the given ones that some user has. */
  knownBlobs(hashes: readonly BlobHash[]): Promise<readonly BlobHash[]>;
  /** Blobs last sent before `beforeMs` that nothing refers to. */
  listUnusedBlobs(beforeMs: number, limit: number): Promise<readonly BlobRow[]>;
  /**
   * Removes the record unless it was sent since or something refers to it. `isLast`: no other user
   * has it.
   */
  forgetBlob(
    ownerUid: number,
    sha256: BlobHash,
    beforeMs: number,
  ): Promise<{ readonly isForgotten: boolean; readonly isLast: boolean }>;

  /**
   * Records a version whose bundle its owner has, and moves the alias `latest` to it. Rejects with
   * LIMIT_REACHED if a limit is reached.
   */
  deploy(deployment: Deployment, limits: DeployLimits): Promise<Deployed>;
  /** By owner and name; `truncated` if there are more than the limit. */
  listFunctions(
    filter: FunctionFilter,
  ): Promise<{ readonly functions: readonly FunctionSummary[]; readonly truncated: boolean }>;
  loadFunction(ownerUid: number, name: string): Promise<FunctionRecord | null>;
  loadVersion(key: VersionKey): Promise<FunctionVersion | null>;
  /** The versions that `latest` points to and that have a min-warm, by owner and name. */
  listMinWarm(): Promise<readonly FunctionVersion[]>;
  /** Rejects with NOT_FOUND if the version was removed, LIMIT_REACHED beyond `maxAliases`. */
  setAlias(key: VersionKey, alias: string, maxAliases: number): Promise<void>;
  /** Returns whether there was one. */
  removeAlias(functionId: number, alias: string): Promise<boolean>;
  setSharing(functionId: number, sharing: Sharing): Promise<void>;
  /** Nobody can name its versions any more. */
  removeFunction(functionId: number, atMs: number): Promise<void>;
  /** Rejects with BAD_REQUEST if an alias points to it. */
  removeVersion(key: VersionKey, atMs: number): Promise<void>;
  /**
   * Deletes versions removed before `beforeMs`, except those that live calls use; returns their
   * number.
   */
  pruneFunctions(beforeMs: number, inUse: readonly VersionId[], limit: number): Promise<number>;
}
