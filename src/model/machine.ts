// State machines as tables of the allowed transitions; any other transition is a bug.

import { assert } from "./errors.js";

export type Transitions<State extends string> = Readonly<Record<State, readonly State[]>>;

/** Whether the table allows the transition. */
export function mayBecome<State extends string>(
  table: Transitions<State>,
  from: State,
  to: State,
): boolean {
  return table[from].includes(to);
}

/**
 * Returns `to`; throws if the table forbids the transition. `what` names the thing in that state.
 */
export function step<State extends string>(
  table: Transitions<State>,
  from: State,
  to: State,
  what: string,
): State {
  assert(mayBecome(table, from, to), `${what} cannot go from ${from} to ${to}`);
  return to;
}
