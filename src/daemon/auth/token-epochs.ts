// Revokes tokens: each carries its user's epoch, and is valid only while that epoch is current.

import type { Store } from "../../core/ports/store.js";

export class TokenEpochs {
  private constructor(
    private readonly store: Pick<Store, "revokeTokens">,
    /** The key null stands for everybody. */
    private readonly epochs: Map<number | null, number>,
  ) {}

  static async load(store: Pick<Store, "revokeTokens" | "loadTokenEpochs">): Promise<TokenEpochs> {
    return new TokenEpochs(store, new Map(await store.loadTokenEpochs()));
  }

  /** Grows with each revocation that affects the user, and never shrinks. */
  of(uid: number): number {
    return (this.epochs.get(uid) ?? 0) + (this.epochs.get(null) ?? 0);
  }

  /** Resolves once the user's tokens (everybody's if null) are void, also after a restart. */
  async revoke(uid: number | null): Promise<void> {
    await this.store.revokeTokens(uid);
    this.epochs.set(uid, (this.epochs.get(uid) ?? 0) + 1);
  }
}
