// Counts the turns that the event loop gives to others.

import { setImmediate } from "../../../src/clock.js";

/** Counts from now on; `stop` returns how many there were. */
export function countTurns(): { stop(): number } {
  let turns = 0;
  let isOver = false;
  const count = () =>
    setImmediate(() => {
      turns++;
      if (!isOver) count();
    });
  count();
  return {
    stop() {
      isOver = true;
      return turns;
    },
  };
}
