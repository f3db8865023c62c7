// Decides whose turn it is in one round: users in the order of what they hold, and within each user
// the waiting groups, oldest head first.

import type { Waiting, WaitingQueue } from "./queue.js";

/** A group of the queue, and the position of this round in it. */
export interface Cursor {
  /** The group's waitingKey. */
  readonly key: string;
  waiting: Waiting;
  readonly rest: Iterator<Waiting>;
}

interface User {
  readonly name: string;
  held: number;
  /** Ordered by the ids of their heads, the oldest last. */
  readonly cursors: Cursor[];
}

export function cursorsOf(queue: WaitingQueue): Cursor[] {
  const cursors: Cursor[] = [];
  for (const group of queue.groupsInOrder()) {
    const rest = group[Symbol.iterator]();
    const first = rest.next();
    if (!first.done) cursors.push({ key: group.key, waiting: first.value, rest });
  }
  return cursors;
}

/** Adds what this round gives to each user to `coresHeld`. */
export class Turns {
  private readonly users: User[] = [];
  private current: User | null = null;

  constructor(
    cursors: readonly Cursor[],
    private readonly coresHeld: Map<string, number>,
  ) {
    const byName = new Map<string, User>();
    for (const cursor of [...cursors].sort((left, right) => right.waiting.id - left.waiting.id)) {
      const { user: name } = cursor.waiting;
      let user = byName.get(name);
      if (user === undefined) {
        user = { name, held: coresHeld.get(name) ?? 0, cursors: [] };
        byName.set(name, user);
        this.users.push(user);
      }
      user.cursors.push(cursor);
    }
  }

  /** The user who holds the fewest cores goes first, then the one who has waited longest. */
  next(): Cursor | null {
    this.current = null;
    for (const user of this.users)
      if (this.current === null || goesBefore(user, this.current)) this.current = user;
    return this.current?.cursors.at(-1) ?? null;
  }

  /** `cores`: what its head has got. */
  took(cores: number): void {
    const user = this.current!;
    const cursor = user.cursors.pop()!;
    user.held += cores;
    this.coresHeld.set(user.name, user.held);
    const following = cursor.rest.next();
    if (!following.done) {
      cursor.waiting = following.value;
      insert(user.cursors, cursor);
    }
    this.forgetIfDone(user);
  }

  /** Removes the group from this round. */
  drop(): void {
    this.current!.cursors.pop();
    this.forgetIfDone(this.current!);
  }

  private forgetIfDone(user: User): void {
    if (user.cursors.length > 0) return;
    this.users[this.users.indexOf(user)] = this.users.at(-1)!;
    this.users.pop();
  }
}

const goesBefore = (left: User, right: User): boolean =>
  left.held !== right.held
    ? left.held < right.held
    : left.cursors.at(-1)!.waiting.id < right.cursors.at(-1)!.waiting.id;

/** Keeps the cursors ordered by id, the oldest last. */
function insert(cursors: Cursor[], cursor: Cursor): void {
  let low = 0;
  let high = cursors.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cursors[middle]!.waiting.id > cursor.waiting.id) low = middle + 1;
    else high = middle;
  }
  cursors.splice(low, 0, cursor);
}
