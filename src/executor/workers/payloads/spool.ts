// Large results on their way to gleanerd: each is in a file without a name, which is gone with this
// process, until gleanerd has recorded it.

import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type AttemptKey, attemptName } from "../../../wire/attempt-key.js";

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

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
  file: Promise<FileHandle> | null;
  enter: () => void;
}

export class Spool {
  private readonly entries = new Map<string, Entry>();
  private usedBytes = 0;
  private usedFiles = 0;
  private lastNumber = 0;

  /** `openFolder` creates the folder if it is missing: for this process's user alone. */
  constructor(
    private readonly openFolder: () => string,
    private readonly limits = usualLimits,
  ) {}

  /** Resolves once the file is open; rejects if it cannot be, or is not needed any more. */
  async create(key: AttemptKey, bytes: number): Promise<FileHandle> {
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

  private async openFile(): Promise<FileHandle> {
    const path = join(this.openFolder(), `${process.pid}.${++this.lastNumber}`);
    const file = await open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    await unlink(path);
    return file;
  }
}
