// Lets long loops over invocations give way: other requests are answered meanwhile.

import { setImmediate } from "../clock.js";

/** How many are examined or ended per turn of the event loop: about 10 ms. */
const perTurn = 5_000;

/** Whether other requests have a turn before this step of a loop. */
export const isTurnOver = (at: number): boolean => at % perTurn === perTurn - 1;

export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
