// The memory for contents that travel with calls and their answers. What finds none takes the way
// over the disk.

import { mostOf } from "../../core/submission/user-share.js";

/** A single user gets half of it. */
const usualMostBytes = 64 * 1024 * 1024;

export class CarriedMemory {
  private totalBytes = 0;
  private readonly byUid = new Map<number, number>();

  constructor(private readonly mostBytes = usualMostBytes) {}

  /** Returns what gives the memory back; null if there is none for this user at present. */
  take(uid: number, bytes: number): (() => void) | null {
    const own = this.byUid.get(uid) ?? 0;
    if (own + bytes > mostOf(this.mostBytes, this.totalBytes - own)) return null;
    this.add(uid, bytes);
    return () => this.add(uid, -bytes);
  }

  private add(uid: number, bytes: number): void {
    const own = (this.byUid.get(uid) ?? 0) + bytes;
    if (own > 0) this.byUid.set(uid, own);
    else this.byUid.delete(uid);
    this.totalBytes += bytes;
  }
}
