// How a dependency is written.

import type { Schedule } from "./invocation.js";

/** As sbatch's --dependency is written: `afterok:42,singleton`. */
export function dependencyText({ dependency }: Schedule): string {
  if (dependency === undefined) return "";
  const texts = dependency.on.map(({ kind, of, delayMs }) =>
    [kind, ...(of === undefined ? [] : [of])]
      .join(":")
      .concat(delayMs ? `+${Math.round(delayMs / 60_000)}` : ""),
  );
  return texts.join(dependency.any ? "?" : ",");
}
