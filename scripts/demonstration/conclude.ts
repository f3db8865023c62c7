// The end of the demo: what went wrong as sentences, and the site kept or stopped either way.

import { messageOf } from "../../src/model/errors.js";

/**
 * Runs the demo and then `keep` or `stop`, also if it did not finish in its time. Returns a
 * sentence for each broken promise, or why it did not finish.
 */
export async function conclude(
  harvest: () => Promise<string[]>,
  end: { readonly keep: (() => Promise<void>) | null; readonly stop: () => Promise<void> },
): Promise<string[]> {
  const broken = await harvest().catch((thrown: unknown) => [messageOf(thrown)]);
  await (end.keep ?? end.stop)();
  return broken;
}
