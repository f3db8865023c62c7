// The states of a lease; the npm package names them in its types, which need no other package.

import type { Transitions } from "../machine.js";

export type LeaseState = "PENDING" | "ACTIVE" | "TERMINATING" | "ENDED";

/**
 * PENDING: no worker serves yet, or again. ACTIVE: one does. TERMINATING: it was ended, and its
 * workers finish.
 */
export const leaseTransitions: Transitions<LeaseState> = {
  PENDING: ["ACTIVE", "TERMINATING", "ENDED"],
  ACTIVE: ["PENDING", "TERMINATING", "ENDED"],
  TERMINATING: ["ENDED"],
  ENDED: [],
};
