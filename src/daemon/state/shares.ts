// How much each user has of what is not final, and the tasks of each array, whose common part is in
// memory once.

import type { IdRange } from "../../core/ports/store.js";
import type { InvocationId } from "../../model/ids.js";
import type { Invocation, SubmissionDigest } from "../../model/invocation.js";
import { type Live, LiveSubmission } from "./live-invocation.js";

/** The tasks of an array that are not final; their common part is in memory once. */
interface LiveArray {
  open: number;
  lastId: InvocationId;
  /** Those that do not wait as runs. */
  readonly singles: Set<Live>;
  readonly submission: LiveSubmission;
}

/** A user's invocations that are not final, summed. */
export interface UserShare {
  /** All but the tasks that wait as runs. */
  readonly singles: Set<Live>;
  count: number;
  /** Scripts, environments and inputs in the store, an array's counted once. */
  documentBytes: number;
}

export interface OpenTasks {
  readonly singles: ReadonlySet<Live>;
  readonly ids: IdRange;
  readonly count: number;
}

const keptBytesOf = ({ documentBytes, inputBytes }: SubmissionDigest): number =>
  documentBytes + inputBytes;

const noShare = (): UserShare => ({ singles: new Set(), count: 0, documentBytes: 0 });

export class Shares {
  /** Over all users. */
  documentBytes = 0;
  private readonly arrays = new Map<InvocationId, LiveArray>();
  private readonly users = new Map<number, UserShare>();

  of(uid: number): Readonly<UserShare> {
    return this.users.get(uid) ?? noShare();
  }

  tasksOf(id: InvocationId): OpenTasks | null {
    const array = this.arrays.get(id);
    if (array === undefined) return null;
    return { singles: array.singles, ids: [id, array.lastId], count: array.open };
  }

  /** Counts `count` invocations from this one on; what an array's have in common, once. */
  add(invocation: Invocation, digest: SubmissionDigest, count: number): LiveSubmission {
    const { id, arrayJobId, owner } = invocation;
    const lastId = (id + count - 1) as InvocationId;
    const share = this.users.get(owner.uid) ?? noShare();
    this.users.set(owner.uid, share);
    share.count += count;
    const known = arrayJobId === null ? undefined : this.arrays.get(arrayJobId);
    if (known !== undefined) {
      known.open += count;
      if (lastId > known.lastId) known.lastId = lastId;
      return known.submission;
    }
    share.documentBytes += keptBytesOf(digest);
    this.documentBytes += keptBytesOf(digest);
    const submission = new LiveSubmission(invocation, digest);
    if (arrayJobId !== null)
      this.arrays.set(arrayJobId, { open: count, lastId, singles: new Set(), submission });
    return submission;
  }

  /** It has a record of its own from now on, whose counts add() has made. */
  keep(live: Live): void {
    this.users.get(live.owner.uid)!.singles.add(live);
    if (live.arrayJobId !== null) this.arrays.get(live.arrayJobId)!.singles.add(live);
  }

  drop(live: Live): void {
    this.users.get(live.owner.uid)!.singles.delete(live);
    if (live.arrayJobId !== null) this.arrays.get(live.arrayJobId)!.singles.delete(live);
  }

  /** `count` of a submission have ended. */
  forget({ requested: { arrayJobId, owner }, digest }: LiveSubmission, count: number): void {
    const share = this.users.get(owner.uid)!;
    share.count -= count;
    if (share.count === 0) this.users.delete(owner.uid);
    const array = arrayJobId === null ? undefined : this.arrays.get(arrayJobId);
    if (array !== undefined) array.open -= count;
    if (array !== undefined && array.open > 0) return;
    if (arrayJobId !== null) this.arrays.delete(arrayJobId);
    share.documentBytes -= keptBytesOf(digest);
    this.documentBytes -= keptBytesOf(digest);
  }
}
