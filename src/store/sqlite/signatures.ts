// The signatures of the store's operations as a thread runs them.

import type { Store } from "../../core/ports/store.js";

/** The store's own signatures without the promises. */
export type Operations<Name extends keyof Store> = {
  readonly [Each in Name]: (...args: Parameters<Store[Each]>) => Awaited<ReturnType<Store[Each]>>;
};
