// A content that travels with a call or its answer: in memory until it is on disk.

import type { StoredPayload } from "../../model/call.js";
import type { Keep } from "./keeping.js";

/** Its memory is given back once it is on disk and nobody holds it. */
export class Carried {
  private holders = 1;
  private inMemory: Buffer | null;

  /** `keep`: until it is on disk and recorded as its user's. */
  constructor(
    readonly payload: StoredPayload,
    body: Buffer,
    readonly keep: Keep,
    private readonly giveBack: () => void,
  ) {
    this.inMemory = body;
    void keep.surely.then(() => this.release());
  }

  /** null once it has to be read from the disk. */
  get body(): Buffer | null {
    return this.inMemory;
  }

  /** Whoever uses its body beyond this turn holds it, and releases it once. */
  hold(): void {
    this.holders++;
  }

  release(): void {
    this.holders--;
    if (this.holders > 0) return;
    this.inMemory = null;
    this.giveBack();
  }
}
