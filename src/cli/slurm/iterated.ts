// squeue's and sinfo's `-i`: the list again and again.

import { pause } from "../../clock.js";
import { exitStatus } from "../context.js";
import { print } from "../output.js";
import type { Words } from "./words.js";

/** Lists once; with `-i`, again after each pause of that many seconds. */
export async function iterated(words: Words, list: () => Promise<void>): Promise<number> {
  const everySeconds = Number(words.get("iterate") ?? 0);
  for (;;) {
    await list();
    if (!(everySeconds > 0)) return exitStatus.done;
    await pause(everySeconds * 1_000);
    print("\n");
  }
}
