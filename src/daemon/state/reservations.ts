// What users are about to have and is not on record yet: it counts for their limits from the check
// on, so that requests that come at once do not pass one limit together.

export class Reservations<Part extends string> {
  private readonly made = new Set<{
    readonly uid: number;
    readonly amounts: Readonly<Record<Part, number>>;
  }>();

  /** Returns the function that ends it: once the user has it, or if they do not get it. */
  make(uid: number, amounts: Readonly<Record<Part, number>>): () => void {
    const reservation = { uid, amounts };
    this.made.add(reservation);
    return () => this.made.delete(reservation);
  }

  /** The sum over all users, or of one. There are at most as many as requests in progress. */
  sum(part: Part, uid?: number): number {
    let sum = 0;
    for (const each of this.made)
      if (uid === undefined || each.uid === uid) sum += each.amounts[part];
    return sum;
  }
}
