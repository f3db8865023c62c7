// squeue's and sinfo's `-i`: the list again and again.

import { pause } from "../../clock.js";
import { GleanerError } from "../../model/errors.js";
import { exitStatus } from "../context.js";
import { print } from "../output.js";
import { quoted } from "../values.js";
import type { Words } from "./words.js";

function secondsIn(text: string): number {
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  throw new GleanerError(
    "BAD_REQUEST",
    `--iterate: invalid value ${quoted(text)}: expected seconds, above 0`,
  );
}

/** Lists once; with `-i`, again after each pause of that many seconds. */
export async function iterated(words: Words, list: () => Promise<void>): Promise<number> {
  const given = words.get("iterate");
  const everySeconds = given === undefined ? 0 : secondsIn(given);
  for (;;) {
    await list();
    if (everySeconds === 0) return exitStatus.done;
    await pause(everySeconds * 1_000);
    print("\n");
  }
}
