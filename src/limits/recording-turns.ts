// When each submission is recorded. Those of one commit go to the database in one message and enter
// the queue in one turn of the event loop, in which nobody else is answered: so it bounds how much
// they are together, and takes the users in turn.

import { FairSemaphore } from "./fair-semaphore.js";

/** A submission with more entries, or more bytes of documents and inputs, is large. */
const fewEntries = 100;
const fewBytes = 64 * 1_024;
/** The most entries of all small submissions that are recorded at once. */
const maxEntries = 2_000;

export interface RecordedSize {
  /** Those that the submission takes of the queue. */
  readonly entries: number;
  /** The size of its documents and inputs. */
  readonly bytes: number;
}

export class RecordingTurns {
  private readonly small = new FairSemaphore(maxEntries);
  /** One at a time; small ones pass. */
  private readonly large = new FairSemaphore(1);

  run<T>(uid: number, { entries, bytes }: RecordedSize, record: () => Promise<T>): Promise<T> {
    return entries > fewEntries || bytes > fewBytes
      ? this.large.run(uid, 1, record)
      : this.small.run(uid, entries, record);
  }
}
