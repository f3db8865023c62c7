// How much of something limited one user may have: no more than is left for all others.

/**
 * The most that a user may have of `limit` while others have `others` of it: as much as stays free afterwards. Alone a user gets
 * half, and with n users that take all they can get each has one part of n + 1, so a newcomer always finds room.
 */
export const mostOf = (limit: number, others: number): number =>
  Math.max(0, Math.floor((limit - others) / 2));
