// State machines as tables: which step leads from which state to which; a step that is not in the table is a bug.

import { assert } from "./errors.js";

export type Transitions<State extends string> = Readonly<Record<State, readonly State[]>>;

/** Whether the table allows the step. */
export function mayBecome<State extends string>(
  table: Transitions<State>,
  from: State,
  to: State,
): boolean {
  return table[from].includes(to);
}

/** Returns `to`, or asserts when the table forbids the step; `what` names the thing that steps. */
export function step<State extends string>(
  table: Transitions<State>,
  from: State,
  to: State,
  what: string,
): State {
  assert(mayBecome(table, from, to), `${what} cannot go from ${from} to ${to}`);
  return to;
}
