// Revoked tokens: each carries its user's epoch, and is good as long as that is the present one.

import type { Store } from "../../core/ports/store.js";

export class TokenEpochs {
  private constructor(
    private readonly store: Pick<Store, "revokeTokens">,
    /** null: everybody's. */
    private readonly epochs: Map<number | null, number>,
  ) {}

  static async load(store: Pick<Store, "revokeTokens" | "loadTokenEpochs">): Promise<TokenEpochs> {
    return new TokenEpochs(store, new Map(await store.loadTokenEpochs()));
  }

  /** Grows with each revocation that concerns the user, and never shrinks. */
  of(uid: number): number {
    return (this.epochs.get(uid) ?? 0) + (this.epochs.get(null) ?? 0);
  }

  /** Resolves when the user's tokens (null: everybody's) are void, also after a restart. */
  async revoke(uid: number | null): Promise<void> {
    await this.store.revokeTokens(uid);
    this.epochs.set(uid, (this.epochs.get(uid) ?? 0) + 1);
  }
}
