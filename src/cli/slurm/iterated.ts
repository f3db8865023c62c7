// The `-i` of squeue, sinfo and glean queue: the list again and again.

import { setTimeout as pause } from "node:timers/promises";
import { GleanerError } from "../../model/errors.js";
import { exitStatus } from "../context.js";
import { print } from "../output.js";
import { quoted } from "../values.js";

/** Node waits for 24 days at most, and not at all for longer. */
const mostSeconds = 999_999;

function secondsIn(text: string): number {
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (seconds >= 1 && seconds <= mostSeconds) return seconds;
  throw new GleanerError(
    "BAD_REQUEST",
    `--iterate: invalid value ${quoted(text)}: expected seconds, from 1 to ${mostSeconds}`,
  );
}

/** Lists once; if `iterate` is given, again after each pause of that many seconds. */
export async function iterated(
  iterate: string | undefined,
  list: () => Promise<void>,
): Promise<number> {
  const everySeconds = iterate === undefined ? null : secondsIn(iterate);
  for (;;) {
    await list();
    if (everySeconds === null) return exitStatus.done;
    await pause(everySeconds * 1_000);
    print("\n");
  }
}
