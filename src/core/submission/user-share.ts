// Limits how much of a shared resource one user may have: no more than remains for all others.

/**
 * The most that one user may have of `limit` while others have `others` of it: as much as stays
 * free afterwards. A single user gets half; with n users who each take all they can, each has one
 * part in n + 1, so that a newcomer always finds room.
 */
export const mostOf = (limit: number, others: number): number =>
  Math.max(0, Math.floor((limit - others) / 2));
