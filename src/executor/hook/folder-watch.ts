// Notices when the hook no longer finds the executor in the node's folder: somebody removed the
// folder, or opened it to others. Prologs would then free nothing.

import { setTimeout } from "../../clock.js";
import type { NodeFolder } from "./node-folder.js";

const lookMs = 2_000;

/** Calls `lost` once, with the reason. */
export function watchFolder(
  folder: Pick<NodeFolder, "problem">,
  lost: (reason: string) => void,
): void {
  const look = (): void => {
    const { problem } = folder;
    if (problem === null) setTimeout(look, lookMs).unref();
    else lost(problem);
  };
  look();
}
