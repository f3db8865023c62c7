// The contents that users keep with gleanerd, by their hash. A user gets at a content only by
// sending it, or by way of a function that may be called: to know a hash is not enough.

import { createHash } from "node:crypto";
import type { Logger } from "pino";
import { nowMs } from "../../clock.js";
import type { BlobContent, BlobFiles } from "../../core/ports/blobs.js";
import type { Store } from "../../core/ports/store.js";
import { KeyedSemaphores } from "../../limits/semaphore.js";
import { GleanerError } from "../../model/errors.js";
import { type BlobHash, blobHash } from "../../model/ids.js";
import { Carried } from "../carried/carried.js";
import { Keeping } from "../carried/keeping.js";
import type { DiskReserve } from "../records/disk-reserve.js";
import { Counted } from "./counted.js";
import { Quota, type QuotaPolicy } from "./quota.js";

export interface BlobPolicy extends QuotaPolicy {
  readonly keepUnusedMs: number;
}

export interface BlobDependencies {
  readonly files: BlobFiles;
  readonly store: Pick<
    Store,
    "keepBlob" | "loadBlob" | "loadBlobUse" | "knownBlobs" | "listUnusedBlobs" | "forgetBlob"
  >;
  readonly reserve: Pick<DiskReserve, "requireRoom">;
  readonly policy: BlobPolicy;
  readonly log: Logger;
}

/** A content as its sender announces it. */
export interface AnnouncedBlob {
  readonly sha256: BlobHash;
  readonly bytes: number;
}

/** A content that came with a call, or is the result of one. */
export interface CarriedContent {
  readonly contentType: string;
  readonly body: Buffer;
  /** The hash that its node announced if it is a result, which may take the disk's reserve. */
  readonly resultHash: BlobHash | null;
}

/** The records of one step of cleaning. */
const atOnce = 100;

export class Blobs {
  private readonly quota: Quota;
  /** What changes a file and its records runs alone: a file is never removed under a new record. */
  private readonly alone = new KeyedSemaphores<BlobHash>(1);
  private readonly keeping: Keeping;

  constructor(private readonly deps: BlobDependencies) {
    this.quota = new Quota(deps.policy);
    this.keeping = new Keeping(deps.log);
  }

  /** Before anybody can send anything. */
  async load(): Promise<void> {
    await this.deps.files.prepare();
    for (const { uid, bytes } of await this.deps.store.loadBlobUse()) this.quota.add(uid, bytes);
  }

  /**
   * Resolves once the content is on disk and recorded as this user's; returns whether it is new to
   * them. The content is always read: who has it proves so. Rejects with LIMIT_REACHED or
   * BAD_REQUEST, and then nothing is kept.
   */
  write(
    uid: number,
    announced: AnnouncedBlob,
    content: AsyncIterable<Uint8Array>,
  ): Promise<boolean> {
    const room = () => this.deps.reserve.requireRoom(announced.bytes);
    return this.receive(uid, announced, content, room);
  }

  /** As write(), for the result of a call that was accepted: it may take the disk's reserve. */
  async writeResult(
    uid: number,
    announced: AnnouncedBlob,
    content: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    await this.receive(uid, announced, content, async () => {});
  }

  /**
   * Writes a content of unknown size, and runs `record` once it is on disk, which may record it as
   * this user's. Resolves with what `record` returned; if nothing was recorded, nothing is kept.
   * Rejects as write() does.
   */
  async writeRecorded<T>(
    uid: number,
    content: AsyncIterable<Uint8Array>,
    record: (written: AnnouncedBlob) => Promise<T>,
  ): Promise<T> {
    const { files, store } = this.deps;
    const counted = new Counted(content, (bytes) => this.makeRoom(uid, bytes));
    let kept = 0;
    try {
      const received = await files.receive(counted, Number.MAX_SAFE_INTEGER);
      const { sha256, bytes } = received;
      return await this.alone.run(sha256, async () => {
        const isKnown = (await store.loadBlob(uid, sha256)) !== null;
        await received.keep();
        try {
          return await record({ sha256, bytes });
        } finally {
          if ((await store.loadBlob(uid, sha256)) === null) await this.removeUnlessKnown(sha256);
          else if (!isKnown) kept = bytes;
        }
      });
    } finally {
      this.quota.add(uid, kept - counted.reserved);
    }
  }

  private async makeRoom(uid: number, bytes: number): Promise<void> {
    await this.deps.reserve.requireRoom(bytes);
    this.quota.require(uid, bytes);
  }

  /**
   * As write(), for a content in memory: resolves once it is admitted, and writes it meanwhile,
   * until that succeeds. `giveBack`: see Carried.
   */
  async carry(
    uid: number,
    { contentType, body, resultHash }: CarriedContent,
    giveBack: () => void,
  ): Promise<Carried> {
    const sha256 = blobHash(createHash("sha256").update(body).digest("hex"));
    if (resultHash !== null && sha256 !== resultHash)
      throw new DifferentContentError(resultHash, sha256);
    const announced = { sha256, bytes: body.length };
    const room = async () => {
      if (resultHash === null) await this.deps.reserve.requireRoom(body.length);
    };
    const settled = await this.admit(uid, announced, room);
    const put = async () => settled(await this.put(uid, announced, wholeOf(body), sha256));
    const payload = { contentType, blob: sha256, bytes: body.length };
    return new Carried(payload, body, this.keeping.begin(uid, put), giveBack);
  }

  private async receive(
    uid: number,
    announced: AnnouncedBlob,
    content: AsyncIterable<Uint8Array>,
    requireRoom: () => Promise<void>,
  ): Promise<boolean> {
    const settled = await this.admit(uid, announced, requireRoom);
    let isNew = false;
    try {
      isNew = await this.put(uid, announced, content);
      return isNew;
    } finally {
      settled(isNew);
    }
  }

  /** Counts a content; resolves with what must be told at last whether it is new to its user. */
  private async admit(
    uid: number,
    { sha256, bytes }: AnnouncedBlob,
    requireRoom: () => Promise<void>,
  ): Promise<(isNew: boolean) => void> {
    const isKnown = (await this.deps.store.loadBlob(uid, sha256)) !== null;
    const reserved = isKnown ? 0 : bytes;
    if (!isKnown) this.quota.require(uid, bytes);
    const settled = (isNew: boolean) => this.quota.add(uid, (isNew ? bytes : 0) - reserved);
    try {
      await requireRoom();
    } catch (thrown) {
      settled(false);
      throw thrown;
    }
    return settled;
  }

  /**
   * Resolves once it is on disk and recorded as this user's, with whether it is new to them.
   * `known`: its hash, if the announced one is true for sure.
   */
  private async put(
    uid: number,
    { sha256, bytes }: AnnouncedBlob,
    content: AsyncIterable<Uint8Array>,
    known?: BlobHash,
  ): Promise<boolean> {
    const { files, store } = this.deps;
    const received = await files.receive(content, bytes, known);
    if (received.sha256 !== sha256 || received.bytes !== bytes) {
      await received.discard();
      throw new DifferentContentError(sha256, received.sha256);
    }
    return this.alone.run(sha256, async () => {
      await received.keep();
      try {
        return await store.keepBlob({ ownerUid: uid, sha256, bytes, keptAtMs: nowMs() });
      } catch (cause) {
        await this.removeUnlessKnown(sha256);
        throw cause;
      }
    });
  }

  /** Rejects with STORE if the file is gone, which only the disk's damage explains. */
  async open(sha256: BlobHash): Promise<BlobContent> {
    const content = await this.deps.files.open(sha256);
    if (content === null) throw isMissing(sha256);
    return content;
  }

  /** What a user's contents take, with those on their way. */
  bytesOf(uid: number): number {
    return this.quota.of(uid);
  }

  /** Rejects as open() does. */
  async sizeOf(sha256: BlobHash): Promise<number> {
    const { bytes, close } = await this.open(sha256);
    await close();
    return bytes;
  }

  /** A part of a content, which must reach as far; rejects as open() does. */
  async read(sha256: BlobHash, offset: number, bytes: number): Promise<Uint8Array> {
    const part = await this.deps.files.read(sha256, offset, bytes);
    if (part === null) throw isMissing(sha256);
    return part;
  }

  /** What this user has sent; null if it was never sent, or removed since. */
  async openOwn(uid: number, sha256: BlobHash): Promise<BlobContent | null> {
    return (await this.deps.store.loadBlob(uid, sha256)) === null ? null : this.open(sha256);
  }

  /** Removes contents that nothing refers to any more; returns their number. */
  async removeUnused(): Promise<number> {
    const { store, policy } = this.deps;
    const beforeMs = nowMs() - policy.keepUnusedMs;
    const unused = await store.listUnusedBlobs(beforeMs, atOnce);
    let removed = 0;
    for (const { ownerUid, sha256, bytes } of unused)
      await this.alone.run(sha256, async () => {
        const { isForgotten, isLast } = await store.forgetBlob(ownerUid, sha256, beforeMs);
        if (!isForgotten) return;
        removed++;
        this.quota.add(ownerUid, -bytes);
        if (isLast) await this.deps.files.remove(sha256);
      });
    return removed;
  }

  /** Removes files that a daemon wrote and died before it recorded them; returns their number. */
  async removeUnrecorded(): Promise<number> {
    const { files, store } = this.deps;
    let removed = 0;
    for await (const all of files.list()) {
      const known = new Set(await store.knownBlobs(all));
      for (const sha256 of all.filter((each) => !known.has(each)))
        if (await this.alone.run(sha256, () => this.removeUnlessKnown(sha256))) removed++;
    }
    return removed;
  }

  private async removeUnlessKnown(sha256: BlobHash): Promise<boolean> {
    const { files, store } = this.deps;
    if ((await store.knownBlobs([sha256])).length > 0) return false;
    await files.remove(sha256);
    return true;
  }
}

async function* wholeOf(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}

const isMissing = (sha256: BlobHash): GleanerError =>
  new GleanerError(
    "STORE",
    `the content ${sha256} is missing on gleanerd's disk: send it again, for a function by deploying it again`,
  );

export class DifferentContentError extends GleanerError {
  constructor(announced: BlobHash, received: BlobHash) {
    super(
      "BAD_REQUEST",
      `the content that arrived has the hash ${received}, not ${announced}: it changed while it was sent; send it again`,
    );
  }
}
