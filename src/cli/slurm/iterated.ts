// squeue's and sinfo's `-i`: the list again and again.

import { pause } from "../../clock.js";
import { exitStatus } from "../context.js";
import { print } from "../output.js";
import type { Words } from "./words.js";

/** Lists once, or again whenever the seconds that `-i` gives are over, until the program is ended. */
export async function iterated(words: Words, list: () => Promise<void>): Promise<number> {
  const everySeconds = Number(words.get("iterate") ?? 0);
  for (;;) {
    await list();
    if (!(everySeconds > 0)) return exitStatus.done;
    await pause(everySeconds * 1_000);
    print("\n");
  }
}
