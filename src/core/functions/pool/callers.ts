// Remembers whose functions were called lately, as far as their workers may begin with spares: for
// these users nodes boot one before their first call there.

import { remember } from "../../../model/remember.js";

/** The memory of a node has room for a few spares only. */
const maxUsers = 8;
/** As long as an idle worker usually stays. */
const recentMs = 600_000;

interface Called<Call> {
  readonly call: Call;
  readonly atMs: number;
}

export class Callers<Call> {
  /** By user, in the order of these calls. */
  private readonly last = new Map<number, Called<Call>>();

  called(uid: number, call: Call, atMs: number): void {
    remember(this.last, uid, { call, atMs }, maxUsers);
  }

  /** The last call of each, the latest first. */
  recent(atMs: number): readonly Call[] {
    return [...this.last.values()]
      .filter((each) => atMs - each.atMs < recentMs)
      .map(({ call }) => call)
      .reverse();
  }

  /** Nothing is expected of this user until the next call. */
  forget(uid: number): void {
    this.last.delete(uid);
  }
}
