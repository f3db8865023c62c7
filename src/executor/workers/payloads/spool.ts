// Large results on their way to gleanerd: each is in a file of its own, which is gone with this
// process, until gleanerd has recorded it.

import type { FileHandle } from "node:fs/promises";
import { type AttemptKey, attemptName } from "../../../wire/attempt-key.js";

export type SpoolFile = Pick<FileHandle, "write" | "read" | "close">;

export interface SpoolLimits {
  /** Beyond it, a result waits in its worker until others have left. */
  readonly maxBytes: number;
  readonly maxFiles: number;
}

/** 16 results of the largest size. */
const usualLimits: SpoolLimits = { maxBytes: 1024 * 1024 * 1024, maxFiles: 256 };

interface Entry {
  readonly bytes: number;
  /** Whether it counts against the limits. */
  hasRoom: boolean;
  isForgotten: boolean;
  file: Promise<SpoolFile> | null;
  enter: () => void;
}

export class Spool {
  private readonly entries = new Map<string, Entry>();
  private usedBytes = 0;
  private usedFiles = 0;

  constructor(
    private readonly openFile: () => Promise<SpoolFile>,
    private readonly limits = usualLimits,
  ) {}

  /** Resolves once the file is open; rejects if it cannot be, or is not needed any more. */
  async create(key: AttemptKey, bytes: number): Promise<SpoolFile> {
    const entry: Entry = {
      bytes,
      hasRoom: false,
      isForgotten: false,
      file: null,
      enter: () => {},
    };
    this.forget(key);
    this.entries.set(attemptName(key), entry);
    if (!this.hasRoomFor(entry) || this.isAnyWaiting(entry))
      await new Promise<void>((enter) => {
        entry.enter = enter;
      });
    if (entry.isForgotten) throw new Error("its call has ended");
    this.take(entry);
    entry.file = this.openFile();
    const file = await entry.file;
    if (entry.isForgotten) throw new Error("its call has ended");
    return file;
  }

  /** A part of a result; null if there is none. */
  async read(key: AttemptKey, offset: number, bytes: number): Promise<Uint8Array | null> {
    const entry = this.entries.get(attemptName(key));
    if (entry?.file == null || offset + bytes > entry.bytes) return null;
    const file = await entry.file;
    const part = Buffer.allocUnsafe(bytes);
    const { bytesRead } = await file.read(part, 0, bytes, offset);
    return bytesRead === bytes ? part : null;
  }

  /** It is recorded, or nobody wants it; one that is not there is fine. */
  forget(key: AttemptKey): void {
    const entry = this.entries.get(attemptName(key));
    if (entry === undefined) return;
    this.entries.delete(attemptName(key));
    entry.isForgotten = true;
    entry.enter();
    if (!entry.hasRoom) return;
    const release = () => {
      this.usedBytes -= entry.bytes;
      this.usedFiles--;
      this.admit();
    };
    if (entry.file === null) release();
    else void entry.file.then((file) => file.close()).then(release, release);
  }

  private hasRoomFor({ bytes }: Entry): boolean {
    return (
      this.usedFiles === 0 ||
      (this.usedBytes + bytes <= this.limits.maxBytes && this.usedFiles < this.limits.maxFiles)
    );
  }

  private isAnyWaiting(besides: Entry): boolean {
    return [...this.entries.values()].some((each) => each !== besides && !each.hasRoom);
  }

  private take(entry: Entry): void {
    if (entry.hasRoom) return;
    entry.hasRoom = true;
    this.usedBytes += entry.bytes;
    this.usedFiles++;
  }

  /** Those that wait enter in their order. */
  private admit(): void {
    for (const entry of this.entries.values()) {
      if (entry.hasRoom) continue;
      if (!this.hasRoomFor(entry)) return;
      this.take(entry);
      entry.enter();
    }
  }
}
