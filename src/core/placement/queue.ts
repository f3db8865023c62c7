// Groups the waiting invocations, so that a dispatch reads one head per user and shape instead of
// the whole queue.

import { assert } from "../../model/errors.js";
import type { InvocationId } from "../../model/ids.js";
import type { ResourceRequest } from "../../model/resources.js";
import { reachedBin } from "../forecast/run-times.js";

/**
 * The most groups of one user that placement reads: otherwise a user whose every invocation differs
 * would cost each round as much as all other users together.
 */
const maxKindsOfUser = 200;

/** What placement needs to know about a waiting invocation. */
export interface Waiting extends ResourceRequest {
  readonly id: InvocationId;
  /** The user for fair share: the uid as text, or the user name in a trace. */
  readonly user: string;
  readonly timeLimitMs: number;
  readonly submittedAtMs: number;
  /** The key under which its run time is learned (functionKey); if omitted, nothing is learned. */
  readonly functionKey?: string;
  /**
   * The length of its longest attempt before an eviction: it takes longer than that. If omitted,
   * unknown.
   */
  readonly ranMs?: number;
  /** The kind of worker that it needs, if it is a call; null, or if omitted, it needs none. */
  readonly workerKey?: string | null;
  /** Whether its start failed on some nodes and it is to be tried on another; if omitted, no. */
  readonly isRetried?: boolean;
}

/**
 * Invocations with the same key belong to one user, need the same resources, and are expected to
 * run equally long.
 */
export const waitingKey = (waiting: Waiting): string =>
  `${waiting.cores}/${waiting.memoryMb}/${waiting.gpus}/${waiting.timeLimitMs}/${waiting.user}/${waiting.functionKey ?? ""}/${waiting.workerKey ?? ""}/${reachedBin(waiting.ranMs ?? 0)}${waiting.isRetried ? "/retried" : ""}`;

/** Invocations of one user with the same needs, oldest first. */
class Group implements Iterable<Waiting> {
  /**
   * Keyed and ordered by id: ids grow with submission, and an evicted invocation returns to its old
   * position.
   */
  private readonly members = new Map<InvocationId, Waiting>();
  private ordered = true;
  private last = 0;

  get size(): number {
    return this.members.size;
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
    return this.members.values();
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
}

/** All waiting invocations; adding, removing and finding the heads are cheap at any length. */
export class WaitingQueue {
  private readonly groups = new Map<string, Group>();
  private readonly users = new Map<string, UserQueue>();
  private readonly byId = new Map<InvocationId, Waiting>();

  get size(): number {
    return this.byId.size;
  }

  has(id: InvocationId): boolean {
    return this.byId.has(id);
  }

  add(waiting: Waiting): void {
    assert(!this.byId.has(waiting.id), `invocation ${waiting.id} waits once`);
    this.byId.set(waiting.id, waiting);
    const user = this.users.get(waiting.user) ?? { groups: new Map(), later: new Map() };
    this.users.set(waiting.user, user);
    if (!this.join(user, waiting)) user.later.set(waiting.id, waiting);
  }

  /** Returns false if the user already has enough groups. */
  private join({ groups }: UserQueue, waiting: Waiting): boolean {
    const key = waitingKey(waiting);
    let group = groups.get(key);
    if (group === undefined) {
      if (groups.size >= maxKindsOfUser) return false;
      group = new Group();
      groups.set(key, group);
      this.groups.set(key, group);
    }
    group.add(waiting);
    return true;
  }

  /** Returns whether the invocation was waiting. */
  remove(id: InvocationId): boolean {
    const waiting = this.byId.get(id);
    if (waiting === undefined) return false;
    this.byId.delete(id);
    const user = this.users.get(waiting.user)!;
    if (!user.later.delete(id)) this.leave(user, waiting);
    if (user.groups.size === 0) this.users.delete(waiting.user);
    return true;
  }

  private leave(user: UserQueue, waiting: Waiting): void {
    const key = waitingKey(waiting);
    const group = user.groups.get(key)!;
    group.remove(waiting.id);
    if (group.size > 0) return;
    user.groups.delete(key);
    this.groups.delete(key);
    for (const next of user.later.values()) {
      if (!this.join(user, next)) break;
      user.later.delete(next.id);
    }
  }

  /**
   * Counts waiting invocations with a smaller id by a walk over all of them: not for every
   * dispatch.
   */
  countBefore(id: InvocationId): number {
    let count = 0;
    for (const other of this.byId.keys()) if (other < id) count++;
    return count;
  }

  /** Whether any invocation with this waitingKey waits. */
  hasGroup(key: string): boolean {
    return this.groups.has(key);
  }

  /** The groups, none of them empty, each oldest first. */
  groupsInOrder(): Iterable<Iterable<Waiting> & { readonly size: number }> {
    return this.groups.values();
  }
}
