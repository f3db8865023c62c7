// Looks for deliberate faults: runs seeds until one shows the fault, with a sabotage or with a
// changed module of the program.

import { jest } from "@jest/globals";
import type { Often } from "./mix.js";
import type { runSeed } from "./seed.js";

const steps = 200;
const withinSeeds = 1_000;
/** Broken seeds of which none shows the fault itself. */
const manyOthers = 50;
/** For one fault. */
export const patienceMs = 300_000;

/**
 * Runs seeds until one complains as `shows` says; throws if none does. A fault has many
 * consequences, and which of them a seed meets first is chance: complaints of others do not count.
 * `often`: what a rare fault needs, which seeds without it meet after minutes.
 */
export async function mustFind(
  shows: RegExp,
  run: typeof runSeed,
  sabotage: Parameters<typeof runSeed>[0]["sabotage"] = {},
  often: Often = {},
): Promise<void> {
  const others = new Set<string>();
  for (let seed = 1; seed <= withinSeeds && others.size < manyOthers; seed++) {
    const { problems } = await run({ seed, steps, sabotage, often });
    if (problems.some((each) => shows.test(each))) return;
    for (const first of problems.slice(0, 1)) others.add(first);
  }
  throw new Error(`no seed complains of ${shows}, but of: ${[...others].join("; ") || "nothing"}`);
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

/** Everything loaded anew, with a class of src/ changed in its place: it keeps simulated time. */
export async function withPatched<Module extends object>(
  path: string,
  patch: (fresh: Module) => void,
): Promise<typeof runSeed> {
  jest.resetModules();
  patch((await import(path)) as Module);
  return (await import("./seed.js")).runSeed;
}

/** After each test that changed a module. */
export function undoChanges(): void {
  for (const path of changed) jest.unstable_unmockModule(path);
  changed.clear();
  jest.resetModules();
}
