// When each submission is recorded. Those of one commit enter the queue in one turn of the event
// loop, in which nobody else is answered: so it bounds how many entries they have together, and
// takes the users in turn.

import { FairSemaphore } from "./fair-semaphore.js";

/** A submission with more entries is large. */
const fewEntries = 100;
/** The most entries of all small submissions that are recorded at once. */
const maxEntries = 2_000;

export class RecordingTurns {
  private readonly small = new FairSemaphore(maxEntries);
  /** One at a time; small ones pass. */
  private readonly large = new FairSemaphore(1);

  /** `entries`: those that the submission takes of the queue. */
  run<T>(uid: number, entries: number, record: () => Promise<T>): Promise<T> {
    return entries > fewEntries
      ? this.large.run(uid, 1, record)
      : this.small.run(uid, entries, record);
  }
}
