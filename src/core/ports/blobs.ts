// The port to contents on gleanerd's disk, named by their SHA-256. It knows nothing of users.

import type { BlobHash } from "../../model/ids.js";

export interface BlobFiles {
  /** Creates the folder, and removes what an earlier daemon had begun to write. */
  prepare(): Promise<void>;
  /**
   * Writes a content of at most `maxBytes` under a temporary name. Resolves once it is on disk;
   * rejects with LIMIT_REACHED if it is too large or the disk is full, and then leaves nothing.
   * `sha256`: its hash, if that is known.
   */
  receive(
    content: AsyncIterable<Uint8Array>,
    maxBytes: number,
    sha256?: BlobHash,
  ): Promise<ReceivedBlob>;
  /** null if there is no such content. */
  open(sha256: BlobHash): Promise<BlobContent | null>;
  /** A part of a content; null if there is no such content, or it is shorter. */
  read(sha256: BlobHash, offset: number, bytes: number): Promise<Uint8Array | null>;
  /** A missing one is fine. */
  remove(sha256: BlobHash): Promise<void>;
  /** All of them, in pieces. */
  list(): AsyncIterable<readonly BlobHash[]>;
}

/** A content on disk that has no name yet; one of both must be called. */
export interface ReceivedBlob {
  readonly sha256: BlobHash;
  readonly bytes: number;
  /** Resolves once the content is on disk under its hash. */
  keep(): Promise<void>;
  discard(): Promise<void>;
}

/** It is still readable if it is removed meanwhile. Read it, or close it. */
export interface BlobContent {
  readonly bytes: number;
  readonly content: AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}
