// Groups the waiting invocations, so that a dispatch reads one head per user and shape instead of
// the whole queue.

import { assert } from "../../model/errors.js";
import type { InvocationId } from "../../model/ids.js";
import { type Waiting, waitingKey } from "./waiting.js";
import { inOrder, type RunCounter, type WaitingRun, WaitingRuns } from "./waiting-runs.js";

export type { Waiting };

/**
 * The most groups of one user that placement reads: otherwise a user whose every invocation differs
 * would cost each round as much as all other users together.
 */
const maxKindsOfUser = 200;

/** Invocations of one user with the same needs, oldest first. */
class Group implements Iterable<Waiting> {
  /**
   * Keyed and ordered by id: ids grow with submission, and an evicted invocation returns to its old
   * position.
   */
  private readonly members = new Map<InvocationId, Waiting>();
  readonly runs = new WaitingRuns();
  private ordered = true;
  private last = 0;

  constructor(readonly key: string) {}

  get size(): number {
    return this.members.size + this.runs.count;
  }

  add(waiting: Waiting): void {
    this.ordered &&= this.members.size === 0 || waiting.id > this.last;
    this.last = Math.max(this.last, waiting.id);
    this.members.set(waiting.id, waiting);
  }

  remove(id: InvocationId): void {
    this.members.delete(id);
  }

  [Symbol.iterator](): Iterator<Waiting> {
    if (!this.ordered) this.sort();
    const members = this.members.values();
    return this.runs.count === 0 ? members : inOrder(members, this.runs);
  }

  private sort(): void {
    const sorted = [...this.members.values()].sort((left, right) => left.id - right.id);
    this.members.clear();
    for (const each of sorted) this.members.set(each.id, each);
    this.ordered = true;
  }
}

/** The waiting invocations of one user. */
interface UserQueue {
  readonly groups: Map<string, Group>;
  /** Kinds beyond the limit, oldest first: they become groups as other groups empty. */
  readonly later: Map<InvocationId, Waiting>;
  readonly laterRuns: WaitingRuns;
}

/**
 * All waiting invocations, single ones and runs of an array's tasks; adding, removing and finding
 * the heads are cheap at any length.
 */
export class WaitingQueue<Run extends WaitingRun = WaitingRun> {
  /** Those that wait as runs. */
  readonly runs: WaitingRuns<Run>;
  private readonly groups = new Map<string, Group>();
  private readonly users = new Map<string, UserQueue>();
  private readonly byId = new Map<InvocationId, Waiting>();

  /** `counter`: of `runs`. */
  constructor(counter?: RunCounter<Run>) {
    this.runs = new WaitingRuns(counter);
  }

  get size(): number {
    return this.byId.size + this.runs.count;
  }

  has(id: InvocationId): boolean {
    return this.byId.has(id) || this.runs.find(id) !== undefined;
  }

  add(waiting: Waiting): void {
    assert(!this.has(waiting.id), `invocation ${waiting.id} waits once`);
    this.byId.set(waiting.id, waiting);
    const user = this.userOf(waiting);
    const group = this.groupFor(user, waiting);
    if (group === null) user.later.set(waiting.id, waiting);
    else group.add(waiting);
  }

  addRun(run: Run): void {
    this.runs.add(run);
    const first = run.at(run.fromId);
    const user = this.userOf(first);
    (this.groupFor(user, first)?.runs ?? user.laterRuns).add(run);
  }

  private userOf({ user: name }: Waiting): UserQueue {
    const known = this.users.get(name);
    if (known !== undefined) return known;
    const user = { groups: new Map(), later: new Map(), laterRuns: new WaitingRuns() };
    this.users.set(name, user);
    return user;
  }

  /** null if the user already has enough groups. */
  private groupFor({ groups }: UserQueue, waiting: Waiting): Group | null {
    const key = waitingKey(waiting);
    const known = groups.get(key);
    if (known !== undefined) return known;
    if (groups.size >= maxKindsOfUser) return null;
    const group = new Group(key);
    groups.set(key, group);
    this.groups.set(key, group);
    return group;
  }

  /** Returns whether the invocation was waiting. */
  remove(id: InvocationId): boolean {
    const waiting = this.byId.get(id);
    if (waiting === undefined) return this.removeRuns(id, id).length > 0;
    this.byId.delete(id);
    const user = this.users.get(waiting.user)!;
    if (!user.later.delete(id)) {
      const key = waitingKey(waiting);
      user.groups.get(key)!.remove(id);
      this.forgetIfEmpty(user, key);
    }
    if (user.groups.size === 0) this.users.delete(waiting.user);
    return true;
  }

  /** Removes the ids from `fromId` to `toId` that wait as runs, and returns them. */
  removeRuns(fromId: InvocationId, toId: InvocationId): Run[] {
    const removed = this.runs.remove(fromId, toId);
    for (const run of removed) {
      const first = run.at(run.fromId);
      const user = this.users.get(first.user)!;
      if (user.laterRuns.remove(run.fromId, run.toId).length > 0) continue;
      const key = waitingKey(first);
      user.groups.get(key)!.runs.remove(run.fromId, run.toId);
      this.forgetIfEmpty(user, key);
      if (user.groups.size === 0) this.users.delete(first.user);
    }
    return removed;
  }

  private forgetIfEmpty(user: UserQueue, key: string): void {
    if (user.groups.get(key)!.size > 0) return;
    user.groups.delete(key);
    this.groups.delete(key);
    for (const next of user.later.values()) {
      const group = this.groupFor(user, next);
      if (group === null) break;
      group.add(next);
      user.later.delete(next.id);
    }
    for (const run of [...user.laterRuns]) {
      const group = this.groupFor(user, run.at(run.fromId));
      if (group === null) break;
      user.laterRuns.remove(run.fromId, run.toId);
      group.runs.add(run);
    }
  }

  /**
   * Counts waiting invocations with a smaller id by a walk over all of them: not for every
   * dispatch.
   */
  countBefore(id: InvocationId): number {
    let count = this.runs.countBefore(id);
    for (const other of this.byId.keys()) if (other < id) count++;
    return count;
  }

  /** Whether any invocation with this waitingKey waits. */
  hasGroup(key: string): boolean {
    return this.groups.has(key);
  }

  /** The groups, none of them empty, each oldest first, with the waitingKey of its members. */
  groupsInOrder(): Iterable<Iterable<Waiting> & { readonly size: number; readonly key: string }> {
    return this.groups.values();
  }
}
