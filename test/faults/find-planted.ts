// Looks for deliberate faults: runs seeds until one is broken, with a sabotage or with a changed
// module of the program.

import { jest } from "@jest/globals";
import type { runSeed } from "./seed.js";

const steps = 200;
const withinSeeds = 1_000;
/** For one fault. */
export const patienceMs = 300_000;

/** What the first broken seed complains of, but for a consequence that may precede its cause. */
export async function firstProblem(
  run: typeof runSeed,
  sabotage = {},
  consequence: RegExp | null = null,
): Promise<string> {
  for (let seed = 1; seed <= withinSeeds; seed++) {
    const { problems } = await run({ seed, steps, sabotage });
    const found = problems.find((each) => consequence?.test(each) !== true);
    if (found !== undefined) return found;
  }
  return `nothing within ${withinSeeds} seeds`;
}

const changed = new Set<string>();

/** Everything loaded anew, with one module of src/ changed; `path` is seen from this folder. */
export async function withChanged<Module extends object>(
  path: string,
  change: (real: Module) => Partial<Module>,
): Promise<typeof runSeed> {
  const real = (await import(path)) as Module;
  jest.resetModules();
  changed.add(path);
  jest.unstable_mockModule(path, () => ({ ...real, ...change(real) }));
  return (await import("./seed.js")).runSeed;
}

/** After each test that changed a module. */
export function undoChanges(): void {
  for (const path of changed) jest.unstable_unmockModule(path);
  changed.clear();
  jest.resetModules();
}
