// What the running calls of one executor have printed so far, as it answers.

import { clearTimeout, setTimeout } from "../../clock.js";
import { type AttemptKey, attemptName } from "../attempt-key.js";

/** A node that does not answer within this time has nothing to show. */
const patienceMs = 2_000;

type Take = (bytes: Uint8Array | null) => void;

export class AskedLogs {
  private readonly waiting = new Map<string, Set<Take>>();

  /** `send` asks the executor, unless it is asked already. Resolves with null if it is silent. */
  ask(key: AttemptKey, send: () => void): Promise<Uint8Array | null> {
    const name = attemptName(key);
    const takers = this.waiting.get(name) ?? new Set<Take>();
    this.waiting.set(name, takers);
    return new Promise((resolve) => {
      const take: Take = (bytes) => {
        clearTimeout(late);
        resolve(bytes);
      };
      const late = setTimeout(() => {
        takers.delete(take);
        if (takers.size === 0) this.waiting.delete(name);
        resolve(null);
      }, patienceMs);
      takers.add(take);
      if (takers.size === 1) send();
    });
  }

  /** What nobody asked for is dropped. */
  arrived(key: AttemptKey, bytes: Uint8Array): void {
    const takers = this.waiting.get(attemptName(key)) ?? [];
    this.waiting.delete(attemptName(key));
    for (const take of takers) take(bytes);
  }
}
